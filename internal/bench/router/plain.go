package router

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
)

// PlainRouter is [RouterRules] written by hand, as a service of its own would
// have them: events decoded into a struct, one switch over their types.
type PlainRouter struct{ zone *time.Location }

// NewPlainRouter returns one.
func NewPlainRouter() (*PlainRouter, error) {
	zone, err := time.LoadLocation("Asia/Seoul")
	return &PlainRouter{zone}, err
}

type plainEvent struct {
	EventID   string `json:"eventId"`
	Type      string `json:"type"`
	CreatedAt string `json:"createdAt"`
	Actor     struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"actor"`
	Payload json.RawMessage `json:"payload"`
}

type plainPayload struct {
	ID          int64                 `json:"id"`
	No          string                `json:"no"`
	CustomerID  string                `json:"customerId"`
	Total       json.Number           `json:"total"`
	Lines       []json.RawMessage     `json:"lines"`
	Mentions    []string              `json:"mentions"`
	Watchers    []string              `json:"watchers"`
	Text        string                `json:"text"`
	Title       string                `json:"title"`
	DocumentID  int64                 `json:"documentId"`
	State       string                `json:"state"`
	Approvers   []struct{ ID string } `json:"approvers"`
	RequesterID string                `json:"requesterId"`
	Reason      string                `json:"reason"`
	UserID      string                `json:"userId"`
	Name        string                `json:"name"`
	Team        *struct {
		Name      string   `json:"name"`
		MemberIDs []string `json:"memberIds"`
	} `json:"team"`
	Attendees     []string `json:"attendees"`
	Before, After struct {
		Subject string `json:"subject"`
		Start   string `json:"start"`
	}
	Article   string `json:"article"`
	Warehouse string `json:"warehouse"`
	Left      int64  `json:"left"`
	Minimum   int64  `json:"minimum"`
}

// Route returns what the rules say of a record; its origins name no rule.
func (p *PlainRouter) Route(r sources.Record) ([]sources.Delivery, error) {
	var e plainEvent
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return nil, err
	}
	var v plainPayload
	if err := json.Unmarshal(e.Payload, &v); err != nil {
		return nil, err
	}
	at, err := time.ParseInLocation("2006-01-02T15:04:05.000", e.CreatedAt, p.zone)
	if err != nil {
		return nil, err
	}
	m := plainMaker{record: &r, event: &e}
	n := belfry.Notification{ID: e.EventID, Type: "com.acme.workspace.events.WorkspaceEvent", Time: at.UTC()}
	switch e.Type {
	case "ORDER_CREATED":
		id := strconv.FormatInt(v.ID, 10)
		n.ID, n.Source, n.Type, n.Category = id, "orders", e.Type, "orders"
		total, err := v.Total.Float64()
		if err != nil {
			return nil, err
		}
		if total > 1000 {
			n.Priority = belfry.PriorityHigh
		}
		n.Title = belfry.Text{"en": "Order " + v.No + " received", "ko": "주문 " + v.No + " 접수"}
		n.Body = belfry.PlainText(strconv.Itoa(len(v.Lines)) + " articles, " + v.Total.String() + " in all")
		n.URL = "/orders/" + id
		n.Actor = belfry.Actor{ID: e.Actor.ID, Name: e.Actor.Name}
		n.Data = fmt.Appendf(nil, `{"orderId":%d,"total":%s}`, v.ID, v.Total)
		m.notify("order-received", n, []string{v.CustomerID}, e.Actor.ID)
	case "ORDER_SHIPPED":
		id := strconv.FormatInt(v.ID, 10)
		n.ID, n.Source, n.Type, n.Category = id, "orders", e.Type, "orders"
		n.Title = belfry.Text{"en": "Order " + v.No + " is on its way", "ko": "주문 " + v.No + " 배송 시작"}
		n.URL, n.CollapseKey, n.ExpiresAt = "/orders/"+id, "order:"+id, r.Timestamp.Add(72*time.Hour)
		m.notify("order-shipped", n, []string{v.CustomerID})
	case "ORDER_DELETED":
		m.retract("order-received", belfry.Retraction{Source: "orders", ID: strconv.FormatInt(v.ID, 10)}, v.CustomerID)
	case "COMMENT_CREATED":
		p.comment(&m, n, &v)
	case "APPROVAL_REQUESTED":
		if v.State == "PENDING" {
			id := strconv.FormatInt(v.ID, 10)
			n.ID, n.Source, n.Category, n.Priority = "approval:"+id, "approvals", "approval", belfry.PriorityUrgent
			n.Title, n.URL = belfry.PlainText(e.Actor.Name+" asks for your approval: "+v.Title), "/approvals/"+id
			var approvers []string
			for _, a := range v.Approvers {
				approvers = append(approvers, a.ID)
			}
			m.notify("approval-requested", n, approvers)
		}
	case "APPROVAL_GRANTED", "APPROVAL_REFUSED":
		decision := "refused"
		if e.Type == "APPROVAL_GRANTED" {
			decision = "granted"
		}
		n.Source, n.Category, n.URL = "approvals", "approval", "/approvals/"+strconv.FormatInt(v.ID, 10)
		n.Title, n.Body = belfry.PlainText(v.Title+" was "+decision), belfry.PlainText(v.Reason)
		m.notify("approval-decided", n, []string{v.RequesterID}, e.Actor.ID)
	case "USER_JOINED":
		if v.Team != nil {
			n.Source, n.Category, n.Priority = "people", "people", belfry.PriorityLow
			n.Title = belfry.PlainText(v.Name + " is new in " + v.Team.Name)
			m.notify("user-joined", n, v.Team.MemberIDs, v.UserID)
		}
	case "MEETING_CHANGED":
		if v.Before.Start != v.After.Start {
			n.Source, n.Category, n.CollapseKey = "calendar", "calendar", "meeting:"+strconv.FormatInt(v.ID, 10)
			n.Title = belfry.PlainText(v.After.Subject + " was moved")
			m.notify("meeting-moved", n, v.Attendees, e.Actor.ID)
		}
	case "STOCK_CHANGED":
		if v.Left < v.Minimum {
			n.ID, n.Source, n.Category = "stock:"+v.Article, "stock", "stock"
			n.Title = belfry.PlainText(strconv.FormatInt(v.Left, 10) + " of " + v.Article + " are left")
			m.notify("stock-low", n, []string{"warehouse-" + v.Warehouse})
		}
	}
	return m.out, m.err
}

func (p *PlainRouter) comment(m *plainMaker, n belfry.Notification, v *plainPayload) {
	document := "/documents/" + strconv.FormatInt(v.DocumentID, 10)
	n.Source, n.Category = "board", "board"
	if len(v.Mentions) > 0 {
		mention := n
		mention.Type, mention.Priority = "MENTION", belfry.PriorityHigh
		mention.Title, mention.Body = belfry.PlainText(m.event.Actor.Name+" mentioned you"), belfry.PlainText(v.Text)
		mention.URL = document + "#comment-" + strconv.FormatInt(v.ID, 10)
		m.notify("mentioned", mention, v.Mentions, m.event.Actor.ID)
	}
	n.Title = belfry.PlainText(m.event.Actor.Name + " commented on " + v.Title)
	n.URL, n.CollapseKey = document, "document:"+strconv.FormatInt(v.DocumentID, 10)
	m.notify("comment-created", n, v.Watchers, append(v.Mentions, m.event.Actor.ID)...)
}

// plainMaker collects what is made of one record.
type plainMaker struct {
	record *sources.Record
	event  *plainEvent
	out    []sources.Delivery
	err    error
}

func (m *plainMaker) notify(rule string, n belfry.Notification, recipients []string, exclude ...string) {
	var kept []string
	seen := make(map[string]bool, len(recipients)+len(exclude))
	for _, name := range exclude {
		seen[name] = true
	}
	for _, name := range recipients {
		if !seen[name] {
			seen[name] = true
			kept = append(kept, name)
		}
	}
	if len(kept) == 0 {
		return
	}
	for _, name := range kept {
		if err := belfry.CheckRecipient(name); err != nil {
			m.err = err
		}
	}
	n.Recipient = kept[0]
	if err := n.Check(); err != nil {
		m.err = err
	}
	n.Recipient = ""
	m.out = append(m.out, sources.Delivery{Recipients: kept, Record: inbox.Record{
		Kind: inbox.KindNotify, Rule: rule, Notification: n, Origin: m.origin(),
	}})
}

func (m *plainMaker) retract(rule string, t belfry.Retraction, recipient string) {
	m.out = append(m.out, sources.Delivery{Recipients: []string{recipient}, Record: inbox.Record{
		Kind: inbox.KindRetract, Rule: rule, Retraction: t, Origin: m.origin(),
	}})
}

func (m *plainMaker) origin() inbox.Origin {
	return inbox.Origin{TopicID: m.record.TopicID, Partition: m.record.Partition, Offset: m.record.Offset}
}
