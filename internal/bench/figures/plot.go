package figures

import (
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// WriteCSV writes one line for each sample.
func WriteCSV(w io.Writer, samples []Sample) error {
	out := csv.NewWriter(w)
	header := []string{"seconds", "process"}
	for _, q := range Quantities() {
		header = append(header, string(q))
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for _, s := range samples {
		line := []string{strconv.FormatFloat(s.At.Seconds(), 'f', 0, 64), s.Process}
		for _, q := range Quantities() {
			line = append(line, strconv.FormatFloat(s.Values[q], 'f', -1, 64))
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// The sizes of a plot, in its own units.
const (
	panelWidth, panelHeight = 420, 200
	margin                  = 56
	legendHeight            = 40
)

// plotColors are told apart by the colour-blind too (Okabe and Ito 2008).
func plotColors() []string { return []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"} }

// WriteSVG draws one panel for each quantity, by default all of [Quantities],
// with a line for each process. The vertical axes begin at 0, so that what looks
// flat is.
func WriteSVG(w io.Writer, title string, samples []Sample, quantities ...Quantity) error {
	if len(quantities) == 0 {
		quantities = Quantities()
	}
	var end time.Duration
	var processes []string
	lines := map[string][]Sample{}
	for _, s := range samples {
		if lines[s.Process] == nil {
			processes = append(processes, s.Process)
		}
		lines[s.Process] = append(lines[s.Process], s)
		end = max(end, s.At)
	}
	var b strings.Builder
	width, height := 2*(panelWidth+margin)+margin/2, 2*(panelHeight+margin)+2*legendHeight
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="14">%s</text>`+"\n", margin, Escape(title))
	for i, process := range processes {
		x := margin + i*160
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="34" y2="34" stroke="%s" stroke-width="3"/><text x="%d" y="38">%s</text>`+"\n",
			x, x+20, color(i), x+26, Escape(process))
	}
	for i, q := range quantities {
		left, top := margin+i%2*(panelWidth+margin), 2*legendHeight-10+i/2*(panelHeight+margin)
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n", left, top)
		panel(&b, q, processes, lines, end)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func panel(b *strings.Builder, q Quantity, processes []string, lines map[string][]Sample, end time.Duration) {
	top := 0.0
	for _, samples := range lines {
		for _, s := range samples {
			top = max(top, s.Values[q])
		}
	}
	top = roundUp(top)
	fmt.Fprintf(b, `<text x="0" y="-6">%s</text>`+"\n", Escape(string(q)))
	for i := range 5 {
		y := panelHeight * (4 - i) / 4
		fmt.Fprintf(b, `<line x1="0" x2="%d" y1="%d" y2="%d" stroke="#ddd"/><text x="-6" y="%d" text-anchor="end">%s</text>`+"\n",
			panelWidth, y, y, y+4, strconv.FormatFloat(top*float64(i)/4, 'g', 4, 64))
	}
	for i := range 4 {
		at := end * time.Duration(i) / 3
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">%.3g min</text>`+"\n", panelWidth*i/3, panelHeight+16, at.Minutes())
	}
	for i, process := range processes {
		var points strings.Builder
		for _, s := range lines[process] {
			x := panelWidth * s.At.Seconds() / max(end.Seconds(), 1)
			fmt.Fprintf(&points, "%.1f,%.1f ", x, panelHeight*(1-s.Values[q]/top))
		}
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>`+"\n", color(i), strings.TrimSpace(points.String()))
	}
}

func color(i int) string { return plotColors()[i%len(plotColors())] }

// roundUp returns the next of 1, 2, 4, 8 and 10 times a power of ten; at least
// 1, so that an axis has a length.
func roundUp(v float64) float64 {
	if v <= 1 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 2, 4, 8} {
		if v <= step*unit {
			return step * unit
		}
	}
	return 10 * unit
}

// Escape returns a text as XML has it.
func Escape(text string) string {
	var b strings.Builder
	// A strings.Builder takes everything.
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}
