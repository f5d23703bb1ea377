package node

import (
	"fmt"

	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/senders"
	"github.com/belfry/belfry/senders/push"
	"github.com/belfry/belfry/server/outreach"
	"github.com/belfry/belfry/webpush"
)

// sends reports whether endpoints of a kind are sent to from here.
func (n *node) sends(kind inbox.EndpointKind) bool {
	return kind == inbox.EndpointWebPush && n.Push != nil && n.Push.Send || kind == inbox.EndpointMail && n.Mail != nil
}

// senderGroups are those of the senders that there can be, by what they send to.
func (n *node) senderGroups() map[inbox.EndpointKind]string {
	return map[inbox.EndpointKind]string{inbox.EndpointWebPush: n.Prefix.WebPushGroup(), inbox.EndpointMail: n.Prefix.MailGroup()}
}

// openSenders makes the groups that send, if there are to be any; nothing runs yet. It
// must come after the views are made. The caller calls what it returns in the end.
func (n *node) openSenders() (closeAll func(), err error) {
	var closers []func()
	closeAll = func() {
		for _, c := range closers {
			c()
		}
	}
	metrics := senders.NewMetrics(n.registry)
	for _, s := range []struct {
		kind inbox.EndpointKind
		open func() (senders.Transport, func(), error)
	}{{inbox.EndpointWebPush, n.openPush}, {inbox.EndpointMail, n.openMail}} {
		if !n.sends(s.kind) {
			continue
		}
		transport, stop, err := s.open()
		if err != nil {
			closeAll()
			return nil, fmt.Errorf("open the sender of %s: %w", s.kind, err)
		}
		closers = append(closers, stop)
		group := n.senderGroups()[s.kind]
		sender := senders.New(senders.Config{
			Group: group, Topic: n.Prefix.Outbound(), Rows: n.unread, Contents: n.inbox, Journal: n.journal, DeadLetters: n.deadLetters,
			Transport: transport, Metrics: metrics, Log: n.Log,
			Processed: n.counts.Processed(group), Dead: func(r deadletter.Reason) { n.counts.Dead(group, r) },
		})
		n.processors = append(n.processors, engine.NewProcessor(n.Kafka, sender.Group()))
	}
	return closeAll, nil
}

func (n *node) openMail() (senders.Transport, func(), error) {
	if n.Mail.Lacks != "" {
		n.Log.Warn("mails are sent without something that they should have", "lacks", n.Mail.Lacks)
	}
	return n.Mail.Open(n.policyNow)
}

func (n *node) openPush() (senders.Transport, func(), error) {
	client, err := webpush.NewClient(n.Push.Config)
	if err != nil {
		return nil, nil, err
	}
	if n.Push.Signer == nil {
		n.Log.Info("messages carry no link that reads their item: a click opens it, and the page that opens may read it", "remedy", "give --link-secret-file, the same to all servers")
	}
	return push.New(client, n.Push.Hosts, n.Push.Signer, n.Push.PublicURL), client.Close, nil
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
