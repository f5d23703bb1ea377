package router

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/belfry/belfry/sources"
)

// RouterEvents returns n records of 400 to 900 bytes, the same each time, as
// services write them: a common envelope, and a payload by type. About one of
// ten is for no rule.
func RouterEvents(n int) []sources.Record {
	random := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	out := make([]sources.Record, n)
	for i := range out {
		kind, payload := routerPayload(random, i)
		value := fmt.Sprintf(`{"eventId":"%08x-0000-4000-8000-%012x","type":%q,"version":3,"service":"workspace","traceId":"%016x","createdAt":%q,"actor":{"id":"user-%d","name":"Kim Min-ji %d","avatar":"/avatars/%d.png"},"tenant":{"id":42,"plan":"business","region":"ap-northeast-2"},"payload":%s}`,
			random.Uint32(), i, kind, random.Uint64(), begin.Add(time.Duration(i)*time.Second).Format("2006-01-02T15:04:05.000"),
			i%1000, i%1000, i%1000, payload)
		out[i] = sources.Record{
			Topic: RouterTopic, TopicID: [16]byte{1, 2, 3}, Partition: int32(i % 12), Offset: int64(i / 12),
			Timestamp: begin.Add(time.Duration(i) * time.Second), Key: fmt.Appendf(nil, "tenant-%d", i%7), Value: []byte(value),
			Headers: []sources.Header{{Key: "__TypeId__", Value: []byte("com.acme.workspace.events.WorkspaceEvent")}},
		}
	}
	return out
}

func routerPayload(random *rand.Rand, i int) (kind, payload string) {
	person := func() string { return fmt.Sprintf("user-%d", random.IntN(1000)) }
	people := func(n int) string {
		list := make([]string, n)
		for j := range list {
			list[j] = person()
		}
		return string(mustJSON(list))
	}
	order := fmt.Sprintf(`{"id":%d,"no":"2026-%06d","customerId":%q,"currency":"KRW","total":%d.50,"lines":[{"article":"A-%d","count":2,"price":12.50},{"article":"B-%d","count":1,"price":99.90}],"address":{"city":"Seoul","street":"Teheran-ro 1","zip":"06234"}}`,
		100_000+i, i, person(), random.IntN(2000), i%50, i%70)
	switch i % 10 {
	case 0:
		return "ORDER_CREATED", order
	case 1:
		return "ORDER_SHIPPED", order
	case 2:
		return "ORDER_DELETED", order
	case 3:
		return "COMMENT_CREATED", fmt.Sprintf(`{"id":%d,"documentId":%d,"title":"Plan of quarter %d","text":"Could you have a look at the second part? I have <changed> some figures & dates.","mentions":%s,"watchers":%s}`,
			i, i%300, i%4+1, people(i/10%3), people(5))
	case 4:
		return "APPROVAL_REQUESTED", fmt.Sprintf(`{"id":%d,"title":"Business trip to Busan","state":"PENDING","requesterId":%q,"approvers":[{"id":%q,"step":1},{"id":%q,"step":2}],"amount":%d}`,
			i, person(), person(), person(), random.IntN(1_000_000))
	case 5:
		return "APPROVAL_GRANTED", fmt.Sprintf(`{"id":%d,"title":"Business trip to Busan","state":"GRANTED","requesterId":%q,"steps":[{"by":%q,"at":"2026-01-31T09:00:00"}]}`, i, person(), person())
	case 6:
		return "USER_JOINED", fmt.Sprintf(`{"userId":"user-new-%d","name":"Lee Seo-jun","email":"lee@example.com","team":{"id":%d,"name":"Platform","memberIds":%s}}`, i, i%20, people(8))
	case 7:
		return "MEETING_CHANGED", fmt.Sprintf(`{"id":%d,"attendees":%s,"before":{"subject":"Weekly","start":"2026-02-01T10:00:00","room":"4F"},"after":{"subject":"Weekly","start":"2026-02-01T1%d:00:00","room":"4F"}}`, i, people(6), i/10%2)
	case 8:
		return "STOCK_CHANGED", fmt.Sprintf(`{"article":"A-%d","warehouse":"Icheon","left":%d,"minimum":50,"history":[1,2,3,4,5]}`, i%50, random.IntN(100))
	}
	return "PAGE_VIEWED", fmt.Sprintf(`{"page":"/documents/%d","referrer":"/board","agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","seconds":%d}`, i, random.IntN(300))
}

func mustJSON(v []string) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil // texts are always JSON
	}
	return raw
}
