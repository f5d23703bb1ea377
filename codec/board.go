package codec

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/belfry/belfry/codec/belfrypb"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
)

// EncodeBoard returns the row of a partition in the unread table. One that never had a
// notice is the same bytes as [EncodeState] writes of its state. What that says of errors holds here too.
func EncodeBoard(r *board.Row) ([]byte, error) {
	if err := checkBoard(r); err != nil {
		return nil, corrupt("board", "%v", err)
	}
	m := fromBoard(r)
	if m == nil {
		return encodeRow(&r.State, nil)
	}
	columns, err := marshal("board", m)
	if err != nil {
		return nil, err
	}
	return encodeRow(&r.State, columns)
}

// DecodeBoard is the inverse of [EncodeBoard]. Its errors match [belfry.ErrCorrupt] or
// [belfry.ErrNewerFormat].
func DecodeBoard(b []byte) (board.Row, error) {
	s, columns, err := decodeRow("board", b, 0, inbox.State{})
	if err != nil {
		return board.Row{}, err
	}
	r := board.Row{State: s}
	if columns != nil {
		if err = decodeColumns(&r, columns); err != nil {
			return board.Row{}, corrupt("board", "%v", err)
		}
	}
	if err = checkBoard(&r); err != nil {
		return board.Row{}, corrupt("board", "%v", err)
	}
	return r, nil
}

// BoardHolds reports whether the row of a partition ever had a notice, and whether it has
// one now, live or hidden. What [DecodeBoard] says of errors holds here too.
func BoardHolds(b []byte) (ever, now bool, err error) {
	r, err := DecodeBoard(b)
	return r.Keep > 0, len(r.Notices) > 0, err
}

// ForgetBoards is [board.Forget] for the encoded rows of partitions.
func ForgetBoards(rows [][]byte, version uint64, at time.Time) ([]byte, error) {
	all := make([]board.Row, len(rows))
	for i, b := range rows {
		var err error
		if all[i], err = DecodeBoard(b); err != nil {
			return nil, err
		}
	}
	one := board.Forget(all, version, at)
	return EncodeBoard(&one)
}

// fromBoard returns the columns of a board, nil for one without any.
func fromBoard(r *board.Row) *belfrypb.Board {
	if r.Keep == 0 && len(r.Notices)+len(r.Stays)+len(r.Horizons) == 0 && r.Floor == (board.Horizon{}) {
		return nil
	}
	m := &belfrypb.Board{Keep: uint32(r.Keep), FloorVersion: r.Floor.Version, FloorMs: r.Floor.At}
	var at int64
	for _, n := range r.Notices {
		m.ItemAudience, m.ItemAt = append(m.ItemAudience, audience(m, n.Audience)), append(m.ItemAt, n.At-at)
		at = n.At
	}
	var last board.Stay
	for _, s := range r.Stays {
		m.StaySeq, m.StayAudience = append(m.StaySeq, int64(s.Seq-last.Seq)), append(m.StayAudience, audience(m, s.Audience))
		m.StayCame, m.StayWent, m.StayAt = append(m.StayCame, s.Went-s.Came), append(m.StayWent, s.Went-last.Went), append(m.StayAt, s.At-last.At)
		last = s
	}
	at = 0
	for _, h := range r.Horizons {
		m.HorizonAudience, m.HorizonVersion, m.HorizonAt = append(m.HorizonAudience, h.Audience), append(m.HorizonVersion, h.Version), append(m.HorizonAt, h.At-at)
		at = h.At
	}
	return m
}

// audience is the position of an audience.
func audience(m *belfrypb.Board, hash uint64) uint32 {
	if i := slices.Index(m.Audience, hash); i >= 0 {
		return uint32(i)
	}
	m.Audience = append(m.Audience, hash)
	return uint32(len(m.Audience) - 1)
}

// decodeColumns adds the columns of a board to a row.
func decodeColumns(r *board.Row, b []byte) error {
	var m belfrypb.Board
	if err := proto.Unmarshal(b, &m); err != nil {
		return err
	}
	if extra(&m) != nil {
		return fmt.Errorf("unknown columns of a board")
	}
	items, stays, horizons := len(m.ItemAudience), len(m.StaySeq), len(m.HorizonAudience)
	if len(m.ItemAt) != items || len(m.StayAudience) != stays || len(m.StayCame) != stays || len(m.StayWent) != stays || len(m.StayAt) != stays ||
		len(m.HorizonVersion) != horizons || len(m.HorizonAt) != horizons {
		return fmt.Errorf("columns of %d notices, %d stays or %d horizons do not match", items, stays, horizons)
	}
	hash := func(at uint32) (uint64, error) {
		if int64(at) >= int64(len(m.Audience)) {
			return 0, fmt.Errorf("audience %d of %d", at, len(m.Audience))
		}
		return m.Audience[at], nil
	}
	r.Keep, r.Floor = int(m.Keep), board.Horizon{Version: m.FloorVersion, At: m.FloorMs}
	var err error
	var at int64
	for i := range items {
		at += m.ItemAt[i]
		n := board.Notice{At: at}
		if n.Audience, err = hash(m.ItemAudience[i]); err != nil {
			return err
		}
		r.Notices = append(r.Notices, n)
	}
	var last board.Stay
	for i := range stays {
		last.Seq += uint64(m.StaySeq[i])
		last.Went += m.StayWent[i]
		last.Came = last.Went - m.StayCame[i]
		last.At += m.StayAt[i]
		if last.Audience, err = hash(m.StayAudience[i]); err != nil {
			return err
		}
		r.Stays = append(r.Stays, last)
	}
	at = 0
	for i := range horizons {
		at += m.HorizonAt[i]
		r.Horizons = append(r.Horizons, board.Horizon{Audience: m.HorizonAudience[i], Version: m.HorizonVersion[i], At: at})
	}
	return nil
}

// checkBoard returns what is wrong with a board: something that no history of records
// leads to, and that would make what is derived from it wrong.
func checkBoard(r *board.Row) error {
	s := &r.State
	if len(r.Notices) != len(s.Items) {
		return fmt.Errorf("%d notices of %d items", len(r.Notices), len(s.Items))
	}
	if s.Joined || len(s.Topics) > 0 || s.Reach != nil || len(s.Mutes) > 0 {
		return fmt.Errorf("a board with what is a user's")
	}
	for i, n := range r.Notices {
		e := &s.Items[i]
		// A notice that is not hidden any more has a settled place.
		if n.Audience == 0 || e.Shared != nil || !e.Born && e.Place() > s.Version {
			return fmt.Errorf("notice %d of audience %#x, hidden %t, at place %d in a row of version %d", e.Seq, n.Audience, e.Born, e.Place(), s.Version)
		}
	}
	if i := slices.IndexFunc(s.Removals, func(r inbox.Removal) bool { return r.Shared }); i >= 0 {
		return fmt.Errorf("removal of item %d, which is another board's", s.Removals[i].Seq)
	}
	last := uint64(0)
	for _, stay := range r.Stays {
		if stay.Audience == 0 || stay.Seq == 0 || stay.Seq > stay.Came || stay.Came >= stay.Went || stay.Went < last || stay.Went > s.Version {
			return fmt.Errorf("notice %d of audience %#x stayed from %d to %d, after one up to %d, in a row of version %d", stay.Seq, stay.Audience, stay.Came, stay.Went, last, s.Version)
		}
		last = stay.Went
	}
	last = 0
	for _, h := range r.Horizons {
		if h.Audience <= last || h.Version > s.Version {
			return fmt.Errorf("horizon %d of audience %#x after %#x in a row of version %d", h.Version, h.Audience, last, s.Version)
		}
		last = h.Audience
	}
	if r.Floor.Audience != 0 || r.Floor.Version > s.Version || r.Keep < 0 || int64(r.Keep) > int64(^uint32(0)) {
		return fmt.Errorf("floor %+v, %d removals, in a row of version %d", r.Floor, r.Keep, s.Version)
	}
	return nil
}
