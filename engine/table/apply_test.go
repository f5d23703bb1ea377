package table

import (
	"fmt"
	"testing"
	"time"

	"github.com/lovoo/goka/storage"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/breath/breathtest"
)

// memory is a storage of which rows are written alone.
type memory struct {
	storage.Storage
	rows map[string][]byte
}

func (m *memory) Set(key string, value []byte) error {
	m.rows[key] = append([]byte(nil), value...)
	return nil
}

func (m *memory) SetOffset(int64) error { return nil }

// TestWritingRowsLetsReadersIn holds that many records are written in stretches while the
// table is read, and at once while it is recovered.
func TestWritingRowsLetsReadersIn(t *testing.T) {
	var records []*kgo.Record
	for i := range 100_000 {
		records = append(records, &kgo.Record{Key: fmt.Append(nil, i), Value: make([]byte, 100), Offset: int64(i)})
	}
	for _, served := range []bool{true, false} {
		v := &View{filling: &viewStores{parts: []storage.Storage{&memory{rows: map[string][]byte{}}}, own: make([]ownRow, 1)}}
		if served {
			v.served = v.filling
		}
		v.progress.begin(map[int32]*reach{0: {}}, time.Now())
		woken := breathtest.Woken(func() {
			if err := v.apply(kgo.FetchPartition{Records: records}, time.Now()); err != nil {
				t.Error(err)
			}
		})
		if served && woken < breathtest.Often || !served && woken > 3*breathtest.Often {
			t.Errorf("another goroutine ran %d times while 100,000 rows were written, with readers: %v", woken, served)
		}
	}
}
