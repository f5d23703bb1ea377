package browsertest

import (
	"context"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Prefer has the browser say that its user prefers something, such as "dark" for
// "prefers-color-scheme" (Media Queries Level 5).
func (b *Tab) Prefer(feature, value string) {
	b.t.Helper()
	err := chromedp.Do(b.ctx, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	}))
	if err != nil {
		b.t.Fatalf("prefer %s %s: %v", value, feature, err)
	}
}

// Resize gives the page that much room.
func (b *Tab) Resize(width, height int64) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(width, height)); err != nil {
		b.t.Fatalf("resize: %v", err)
	}
}
