package stream

import "github.com/belfry/belfry/inbox"

// standing is a progress as a connection keeps it: mostly a few numbers, since few clients
// lack a content or have seen something expire.
type standing struct {
	delivered, version uint64 // version is the id's
	epoch              uint32 // likewise
	phase              phase
	sentID, recheck    bool
	whole              *progress // if there is more to it; nil for not
}

func stand(p progress) standing {
	s := standing{delivered: p.delivered, version: p.id.Version, epoch: p.id.Epoch, phase: p.phase, sentID: p.sentID, recheck: p.recheck}
	if !p.until.IsZero() || len(p.pending)+len(p.gone)+len(p.woken)+len(p.partly) > 0 {
		whole := p // or each p would be moved to the heap, also where it is not kept
		s.whole = &whole
	}
	return s
}

func (s standing) progress() progress {
	if s.whole != nil {
		return *s.whole
	}
	return progress{
		phase: s.phase, delivered: s.delivered, id: inbox.Cursor{Epoch: s.epoch, Version: s.version},
		sentID: s.sentID, recheck: s.recheck,
	}
}
