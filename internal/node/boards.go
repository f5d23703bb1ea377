package node

import (
	"context"

	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/server/broadcast"
	"github.com/belfry/belfry/views"
)

// boards are the notice boards as the node's server knows them.
type boards struct {
	*views.Unread
	journal *emitters.Journal
}

var _ broadcast.Boards = boards{}

// JournalNow implements broadcast.Boards.
func (b boards) JournalNow(ctx context.Context) (partitions int, epoch uint32, err error) {
	return b.journal.Now(ctx)
}
