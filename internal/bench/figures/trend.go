package figures

import "time"

// Trend is how one quantity of one process went over the last two thirds of a
// run: the first third is for stores and caches to fill.
type Trend struct {
	Process  string
	Quantity Quantity
	Mean     float64
	// Growth is by how much the line of least squares rises over that time, as
	// a part of the mean; negative if it falls.
	Growth float64
}

// MostGrowth is the growth up to which a quantity counts as flat.
const MostGrowth = 0.1

// Flat reports whether the quantity does not grow.
func (t Trend) Flat() bool { return t.Growth <= MostGrowth }

// Trends returns the trend of each quantity of each process, processes in the
// order in which they first appear. There must be samples.
func Trends(samples []Sample) []Trend {
	var processes []string
	of := map[string][]Sample{}
	var end time.Duration
	for _, s := range samples {
		if of[s.Process] == nil {
			processes = append(processes, s.Process)
		}
		of[s.Process] = append(of[s.Process], s)
		end = max(end, s.At)
	}
	var trends []Trend
	for _, process := range processes {
		for _, q := range Quantities() {
			var x, y []float64
			for _, s := range of[process] {
				if s.At >= end/3 {
					x, y = append(x, s.At.Seconds()), append(y, s.Values[q])
				}
			}
			t := Trend{Process: process, Quantity: q, Mean: mean(y)}
			if t.Mean != 0 {
				t.Growth = slope(x, y) * (x[len(x)-1] - x[0]) / t.Mean
			}
			trends = append(trends, t)
		}
	}
	return trends
}

// slope is that of the line of least squares through the points; 0 if they have
// but one x.
func slope(x, y []float64) float64 {
	mx, my := mean(x), mean(y)
	var xy, xx float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}

// mean returns 0 for no values.
func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
