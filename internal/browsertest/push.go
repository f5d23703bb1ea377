package browsertest

import (
	"context"
	"net/url"
	"sync"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"

	"github.com/belfry/belfry/internal/await"
)

// Grant has the browser say yes where a page asks for a permission, such as
// "notifications".
func (b *Tab) Grant(permission string) {
	b.t.Helper()
	err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: permission}, Setting: browser.PermissionSettingGranted,
		})
		return err
	}))
	if err != nil {
		b.t.Fatalf("grant %s: %v", permission, err)
	}
}

// Push has the service worker of a scope get a push message, as from a push service.
func (b *Tab) Push(scope, data string) {
	b.t.Helper()
	var mu sync.Mutex
	var id serviceworker.RegistrationID
	err := chromedp.Listen(b.ctx, func(ev any) {
		updated, ok := ev.(*serviceworker.EventWorkerRegistrationUpdated)
		if !ok {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for _, r := range updated.Registrations {
			if r.ScopeURL == scope && !r.IsDeleted {
				id = r.RegistrationID
			}
		}
	})
	call := func(f func(context.Context, *chromedp.Target) error) {
		b.t.Helper()
		if err == nil {
			err = chromedp.Do(b.ctx, chromedp.Func(f))
		}
		if err != nil {
			b.t.Fatalf("push to %s: %v", scope, err)
		}
	}
	call(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, serviceworker.Enable, cdp.Empty{})
		return err
	})
	await.Eventually(b.t, await.Patience, func() string { return "no service worker has the scope " + scope }, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return id != ""
	})
	at, parseErr := url.Parse(scope)
	if parseErr != nil {
		b.t.Fatal(parseErr)
	}
	call(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, serviceworker.DeliverPushMessage, serviceworker.DeliverPushMessageParams{
			Origin: at.Scheme + "://" + at.Host, RegistrationID: id, Data: data,
		})
		if err == nil { // what enables it again is told of all registrations
			_, err = cdp.Call(ctx, t, serviceworker.Disable, cdp.Empty{})
		}
		return err
	})
}
