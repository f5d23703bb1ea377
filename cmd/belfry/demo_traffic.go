package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/engine/kafka"
)

// demoUsers are the people of the demo, who also act on each other's things.
func demoUsers() []belfry.Actor {
	return []belfry.Actor{
		{ID: "user-7", Name: "Alex Morgan"},
		{ID: "사용자-7", Name: "김민지"},
		{ID: "jiho", Name: "박지호"},
		{ID: "sara", Name: "Sara Lind"},
		{ID: "tomas", Name: "Tomás Vega"},
	}
}

func demoUserNames() string {
	var names []string
	for _, u := range demoUsers() {
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
		{"calendar.invited", "calendar", belfry.PriorityNormal, "%[1]s invited you to the weekly meeting #%[2]d", "%[1]s님이 주간 회의 #%[2]d에 초대했습니다", "/calendar/%d", "", 0},
		{"calendar.soon", "calendar", belfry.PriorityHigh, "Meeting #%[2]d begins in 10 minutes", "10분 후 회의 #%[2]d이 시작됩니다", "/calendar/%d", "", 10 * time.Minute},
		{"reservation.confirmed", "reservation", belfry.PriorityNormal, "Room #%[2]d is reserved for you", "회의실 #%[2]d 예약이 확정되었습니다", "/rooms/%d", "", 0},
		{"notice.posted", "notice", belfry.PriorityLow, "Notice #%[2]d: the canteen's new menu", "공지 #%[2]d: 구내식당 새 메뉴", "/notices/%d", "", 0},
		{"order.shipped", "order", belfry.PriorityNormal, "Order #%[2]d is on its way", "주문 #%[2]d이 발송되었습니다", "/orders/%d", "order:%d", 0},
	}
}

// sendTraffic writes sample events to the notifications topic, as the services
// of a company would, until ctx ends.
func sendTraffic(ctx context.Context, cfg kafka.Config, prefix belfry.Prefix, rate float64) (err error) {
	if rate == 0 {
		return nil
	}
	out, err := emitters.OpenNotifications(cfg, prefix)
	if err != nil {
		return err
	}
	defer func() {
		if e := out.Close(); err == nil {
			err = e
		}
	}()
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := out.Emit(ctx, newSample(time.Now())); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func newSample(now time.Time) belfry.Notification {
	users, kinds := demoUsers(), samples()
	i := rand.IntN(len(users))
	actor := users[(i+1+rand.IntN(len(users)-1))%len(users)]
	s := kinds[rand.IntN(len(kinds))]
	// Few things of a kind, so that collapse keys meet.
	thing := 100 + rand.IntN(20)
	service, _, _ := strings.Cut(s.kind, ".")
	n := belfry.Notification{
		Recipient: users[i].ID,
		Source:    "/services/" + service,
		Type:      s.kind,
		Category:  s.category,
		Priority:  s.priority,
		Title:     belfry.Text{"en": fmt.Sprintf(s.en, actor.Name, thing), "ko": fmt.Sprintf(s.ko, actor.Name, thing)},
		URL:       fmt.Sprintf(s.url, thing),
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
