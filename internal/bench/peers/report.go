package peers

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/belfry/belfry/internal/bench/figures"
)

// quantity is a column of the table.
type quantity struct {
	name string
	of   func(Result) float64
}

func quantities() []quantity {
	return []quantity{
		{"steady/s", func(r Result) float64 { return r.Steady }},
		{"CPU-s/M", func(r Result) float64 { return r.SteadyCPU }},
		{"total/s", func(r Result) float64 { return r.Total }},
		{"CPU-s/M all", func(r Result) float64 { return r.CPU }},
		{"broker CPU-s/M", func(r Result) float64 { return r.Broker }},
		{"bytes/event", func(r Result) float64 { return r.Written }},
		{"peak MiB", func(r Result) float64 { return r.Memory }},
	}
}

// Measured is a program with what its rounds came to.
type Measured struct {
	Name   string
	Rounds []Result
}

// cell is the median with the lowest and the highest.
func (m Measured) cell(q quantity) string {
	var all []float64
	for _, r := range m.Rounds {
		all = append(all, q.of(r))
	}
	digits := 1
	if figures.Median(all) >= 1000 {
		digits = 0
	}
	return fmt.Sprintf("%.*f (%.*f–%.*f)", digits, figures.Median(all), digits, slices.Min(all), digits, slices.Max(all))
}

// Table is all in Markdown: the median of the rounds, and the lowest and the highest.
func Table(all []Measured) string {
	var b strings.Builder
	b.WriteString("| program |")
	for _, q := range quantities() {
		fmt.Fprintf(&b, " %s |", q.name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(quantities())) + "\n")
	for _, m := range all {
		fmt.Fprintf(&b, "| %s |", m.Name)
		for _, q := range quantities() {
			fmt.Fprintf(&b, " %s |", m.cell(q))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The plot's measures, in pixels.
const (
	nameWidth, barWidth = 330, 420
	barHeight, gap      = 14, 6
	plotMargin          = 20
)

// WriteSVG draws the steady rate and its processor time as bars, a panel each, with a
// line from the lowest to the highest round.
func WriteSVG(w io.Writer, title string, all []Measured) error {
	var b strings.Builder
	panel := 40 + len(all)*(barHeight+gap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n",
		nameWidth+barWidth+100, 40+2*panel)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="20" font-size="14">%s</text>`+"\n", plotMargin, figures.Escape(title))
	for i, q := range quantities()[:2] {
		top := 0.0
		for _, m := range all {
			for _, r := range m.Rounds {
				top = max(top, q.of(r))
			}
		}
		top = max(top, 1)
		fmt.Fprintf(&b, `<g transform="translate(0,%d)"><text x="%d" y="12" font-weight="bold">%s</text>`+"\n", 36+i*panel, nameWidth, figures.Escape(q.name))
		for j, m := range all {
			var values []float64
			for _, r := range m.Rounds {
				values = append(values, q.of(r))
			}
			x := func(v float64) float64 { return nameWidth + barWidth*v/top }
			y, color := 20+j*(barHeight+gap), "#56b4e9"
			if strings.HasPrefix(m.Name, "belfry") {
				color = "#d55e00"
			}
			fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`,
				nameWidth-6, y+11, figures.Escape(m.Name), nameWidth, y, x(figures.Median(values))-nameWidth, barHeight, color)
			fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="black"/><text x="%.1f" y="%d">%.4g</text>`+"\n",
				x(slices.Min(values)), x(slices.Max(values)), y+barHeight/2, y+barHeight/2, x(slices.Max(values))+5, y+11, figures.Median(values))
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
