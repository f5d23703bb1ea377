package node

import (
	"fmt"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/server/outreach"
	"github.com/belfry/belfry/webpush"
)

// Push is what a node knows of Web Push: its server tells pages of it, and its sender,
// if it has one, sends with it.
type Push struct {
	Keys      *webpush.Keys // nil: none, pages cannot subscribe
	Subject   string        // see webpush.CheckSubject
	Hosts     *webpush.Hosts
	Signer    *links.Signer // of links in messages; nil: there are none
	PublicURL string        // at which users reach the server; "": not known
	Send      bool
}

func (n *node) sends() bool { return n.Push != nil && n.Push.Send }

// openSender makes the group that sends to browsers, if there is to be one; nothing runs
// yet. It must come after the views are made. The caller calls what it returns in the end.
func (n *node) openSender() (func(), error) {
	if !n.sends() {
		return func() {}, nil
	}
	client, err := webpush.NewClient(webpush.Config{Keys: n.Push.Keys, Subject: n.Push.Subject, Hosts: n.Push.Hosts})
	if err != nil {
		return nil, fmt.Errorf("open the sender of web push: %w", err)
	}
	if n.Push.Signer == nil {
		n.Log.Info("messages carry no link that reads their item: a click opens it, and the page that opens may read it", "remedy", "give --link-secret-file, the same to all servers")
	}
	sender := senders.New(senders.Config{
		Group: n.Prefix.WebPushGroup(), Topic: n.Prefix.Outbound(), Rows: n.unread, Contents: n.inbox, Journal: n.journal, DeadLetters: n.deadLetters,
		Transport: push.New(client, n.Push.Hosts, n.Push.Signer, n.Push.PublicURL), Registry: n.registry, Log: n.Log,
		Processed: n.counts.Processed(n.Prefix.WebPushGroup()), Dead: func(r deadletter.Reason) { n.counts.Dead(n.Prefix.WebPushGroup(), r) },
	})
	n.processors = append(n.processors, engine.NewProcessor(n.Kafka, sender.Group()))
	return client.Close, nil
}

// reach is what the server tells pages of reaching users, and takes from them.
func (n *node) reach() outreach.Settings {
	out := outreach.Settings{Policy: n.policyNow}
	if n.Push == nil {
		return out
	}
	out.PushHosts, out.Links = n.Push.Hosts, n.Push.Signer
	if n.Push.Keys != nil {
		out.PushKey = n.Push.Keys.Public()
	}
	return out
}
