package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine"
)

// users are the people of the demo, who also act on each other's things.
func users() []belfry.Actor {
	return []belfry.Actor{
		{ID: "user-7", Name: "Alex Morgan"},
		{ID: "사용자-7", Name: "김민지"},
		{ID: "jiho", Name: "박지호"},
		{ID: "sara", Name: "Sara Lind"},
		{ID: "tomas", Name: "Tomás Vega"},
	}
}

func userNames() string {
	var names []string
	for _, u := range users() {
		names = append(names, u.ID)
	}
	return strings.Join(names, ", ")
}

// sample is one kind of event of a groupware suite.
type sample struct {
	kind, category string
	priority       belfry.Priority
	en, ko         string // title, %[1]s is who acts, %[2]d which thing
	url            string // %[1]d is which thing
	collapse       string // the same, for a collapse key; empty for none
	expires        time.Duration
}

func samples() []sample {
	return []sample{
		{"approval.requested", "approval", belfry.PriorityHigh, "%[1]s asks for your approval of expense report #%[2]d", "%[1]s님이 지출결의서 #%[2]d의 결재를 요청했습니다", "/approvals/%d", "", 0},
		{"approval.urgent", "approval", belfry.PriorityUrgent, "Urgent: contract #%[2]d needs your signature today", "긴급: 계약서 #%[2]d에 오늘 서명해야 합니다", "/approvals/%d", "", time.Hour},
		{"board.comment", "board", belfry.PriorityNormal, "%[1]s commented on your post #%[2]d", "%[1]s님이 게시글 #%[2]d에 댓글을 남겼습니다", "/board/%d", "post:%d", 0},
		{"board.posted", "board", belfry.PriorityNormal, "%[1]s posted “Offsite in Jeju” #%[2]d", "%[1]s님이 “제주 워크숍” #%[2]d 글을 올렸습니다", "/board/%d", "", 0},
		{"calendar.invited", "calendar", belfry.PriorityNormal, "%[1]s invited you to the weekly meeting #%[2]d", "%[1]s님이 주간 회의 #%[2]d에 초대했습니다", "/calendar/%d", "", 0},
		{"calendar.soon", "calendar", belfry.PriorityHigh, "Meeting #%[2]d begins in 10 minutes", "10분 후 회의 #%[2]d이 시작됩니다", "/calendar/%d", "", 10 * time.Minute},
		{"reservation.confirmed", "reservation", belfry.PriorityNormal, "Room #%[2]d is reserved for you", "회의실 #%[2]d 예약이 확정되었습니다", "/rooms/%d", "", 0},
		{"notice.posted", "notice", belfry.PriorityLow, "Notice #%[2]d: the canteen's new menu", "공지 #%[2]d: 구내식당 새 메뉴", "/notices/%d", "", 0},
		{"order.shipped", "order", belfry.PriorityNormal, "Order #%[2]d is on its way", "주문 #%[2]d이 발송되었습니다", "/orders/%d", "order:%d", 0},
	}
}

// pastEvents is how many events there were before anybody looks, over pastHours.
const (
	pastEvents = 60
	pastHours  = 30

	pastPatience = 5 * time.Second
)

// sendPast writes what happened before the demo began, once: ids are the same each
// time. It returns when everybody has it on his screen; over a data folder some of
// it may be gone since, which is not waited for.
func sendPast(ctx context.Context, out *emitters.Notifications, everybody []person) error {
	now := time.Now()
	past := make([]belfry.Notification, pastEvents)
	for i := range past {
		ago := time.Duration(float64(pastHours*time.Hour) * float64(pastEvents-i) / pastEvents)
		past[i] = newSample(i%len(users()), now.Add(-ago))
		past[i].ID = fmt.Sprintf("past-%d", i)
		past[i].Source = "/services/past"
		past[i].CollapseKey, past[i].ExpiresAt = "", time.Time{}
	}
	if err := out.Emit(ctx, past...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, pastPatience)
	defer cancel()
	for i := range everybody {
		for ctx.Err() == nil {
			if items, err := everybody[i].list(ctx); err == nil && len(items) >= pastEvents/len(everybody) {
				break
			}
			engine.Sleep(ctx, 20*time.Millisecond)
		}
	}
	return nil
}

// sendTraffic writes sample events to the notifications topic, as the services
// of a company would, until ctx ends.
func sendTraffic(ctx context.Context, out *emitters.Notifications, rate float64) error {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := out.Emit(ctx, newSample(rand.IntN(len(users())), time.Now())); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// pageOf is where an item of the demo leads: there are no services with pages, so to
// one that says what would be there.
func pageOf(thing string) string {
	return "/sample?" + url.Values{"of": {strings.TrimPrefix(thing, "/")}}.Encode()
}

// newSample returns an event of any kind for the user of that number.
func newSample(i int, now time.Time) belfry.Notification {
	kinds := samples()
	return kinds[rand.IntN(len(kinds))].event(i, now)
}

// event returns one of the kind for the user of that number.
func (s sample) event(i int, now time.Time) belfry.Notification {
	people := users()
	actor := people[(i+1+rand.IntN(len(people)-1))%len(people)]
	// Few things of a kind, so that collapse keys meet.
	thing := 100 + rand.IntN(20)
	service, _, _ := strings.Cut(s.kind, ".")
	n := belfry.Notification{
		Recipient: people[i].ID,
		Source:    "/services/" + service,
		Type:      s.kind,
		Category:  s.category,
		Priority:  s.priority,
		Title:     belfry.Text{"en": fmt.Sprintf(s.en, actor.Name, thing), "ko": fmt.Sprintf(s.ko, actor.Name, thing)},
		URL:       pageOf(fmt.Sprintf(s.url, thing)),
		Actor:     actor,
		Time:      now.UTC(),
	}
	if s.collapse != "" {
		n.CollapseKey = fmt.Sprintf(s.collapse, thing)
	}
	if s.expires > 0 {
		n.ExpiresAt = now.Add(s.expires).UTC()
	}
	return n
}
