package letter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/belfry/belfry/internal/browsertest"
)

// contrast is the least contrast of a text on the page with what is behind it, and the
// text (WCAG 2.2 section 1.4.3).
const contrast = `(() => {
  const rgb = c => c.match(/[\d.]+/g).map(Number);
  const lum = c => rgb(c).slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if ((rgb(c)[3] ?? 1) > 0) return c; } return 'rgb(255,255,255)'; };
  let least = [99, ''];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walk.nextNode());) {
    const e = n.parentElement;
    if (!n.data.trim() || e.closest('[style*="display:none"]')) continue;
    const [a, b] = [lum(getComputedStyle(e).color), lum(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < least[0]) least = [ratio, n.data.trim()];
  }
  return least[0] < 4.5 ? least.join(' ') : '';
})()`

// TestMailsAreReadable shows each mail at three widths, in light and in dark.
func TestMailsAreReadable(t *testing.T) {
	shown := map[string]string{}
	for _, tt := range mails() {
		c := config(t)
		c.Content = tt.content
		shown["/"+tt.name] = write(t, load(t, tt.dir), c, tt.m).HTML
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, shown[r.URL.Path])
	}))
	defer server.Close()
	tab := browsertest.New(t)
	for _, tt := range mails() {
		tab.Open(server.URL + "/" + tt.name)
		for _, scheme := range []string{"light", "dark"} {
			tab.Prefer("prefers-color-scheme", scheme)
			for _, width := range []int64{360, 640, 1024} {
				tab.Resize(width, 900)
				name := fmt.Sprintf("%s-%s-%d", tt.name, scheme, width)
				if over := browsertest.Eval[float64](tab, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("%s is %v pixels wider than the window", name, over)
				}
				if low := browsertest.Eval[string](tab, contrast); low != "" {
					t.Errorf("%s: too little contrast, %s", name, low)
				}
				if dir := os.Getenv("BELFRY_TEST_SCREENSHOTS"); dir != "" {
					if err := os.WriteFile(filepath.Join(dir, "mail-"+name+".png"), tab.Screenshot(), 0o600); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}
