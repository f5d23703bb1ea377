// Package browsertest gives tests a real browser: Chromium without a window,
// with a profile of its own that is gone with the test. It imports chromedp and
// the rule on parts that a machine lacks, and fails or skips tests by itself. Begin
// reading with [New].
package browsertest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/parts"
)

// patience bounds a whole test's use of the browser, so that a page which never
// comes to what is waited for ends the test and not the run.
const patience = 2 * await.Patience

// Tab is the one tab of a browser. Its methods fail the test rather than return
// an error, and belong on the test's goroutine.
type Tab struct {
	t   testing.TB
	ctx context.Context
}

// New starts a browser, which ends with the test. The test is skipped unless
// "chromium" is named (see package parts).
func New(t testing.TB) *Tab {
	t.Helper()
	path := parts.Path(t, "chromium")
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless,
		chromedp.NoSandbox, // CI runs as root
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("no-proxy-server", true), // all there is to see is on this machine
		chromedp.Flag("lang", "en-US"),
		chromedp.WindowSize(900, 760),
	}
	// Not the test's context: that ends before the clean-ups, and the browser
	// must be asked to end before its profile is removed.
	allocator, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	end, err := parts.Heavy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = chromedp.Do(browser)
	end()
	if err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil {
			t.Errorf("end the browser: %v", err)
		}
	})
	ctx, cancel := context.WithTimeout(browser, patience)
	t.Cleanup(cancel)
	return &Tab{t, ctx}
}

// Open loads a page.
func (b *Tab) Open(url string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatalf("open %s: %v", url, err)
	}
}

// Click clicks on the first element of a CSS selector, with the mouse.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		b.t.Fatalf("click %s: %v", selector, err)
	}
}

// Press sends keys to the element that has the focus.
func (b *Tab) Press(keys string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.KeyEvent(keys)); err != nil {
		b.t.Fatalf("press %q: %v", keys, err)
	}
}

// Eval returns the value of a JavaScript expression, awaited if it is a promise.
func Eval[T any](b *Tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("evaluate %s: %v", expression, err)
	}
	return v
}

// Eventually waits until an expression has that value.
func Eventually[T comparable](b *Tab, expression string, want T) {
	b.t.Helper()
	var got T
	await.Eventually(b.t, await.Patience,
		func() string { return fmt.Sprintf("%s is %v, want %v", expression, got, want) },
		func() bool {
			v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
			if err != nil && (strings.Contains(err.Error(), "navigated or closed") || strings.Contains(err.Error(), "properties of null")) {
				return false // between two pages there is none to ask, or one without elements yet
			}
			if err != nil {
				b.t.Fatalf("evaluate %s: %v", expression, err)
			}
			got = v
			return got == want
		})
}

// Screenshot returns a PNG of what the window shows.
func (b *Tab) Screenshot() []byte {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatalf("screenshot: %v", err)
	}
	return png
}
