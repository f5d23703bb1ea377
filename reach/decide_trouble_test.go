package reach_test

import (
	"github.com/belfry/belfry"
)

// trouble has two days of everything that goes wrong, and a calm that all must come to
// rest in.
func (w *world) trouble(end float64) {
	seqs := map[string][]uint64{}
	yes, no := true, false
	quiet := func() *[2]float64 {
		return one(w, &[2]float64{}, &[2]float64{22 * hour, 7 * hour}, &[2]float64{13 * hour, 15 * hour}, &[2]float64{20 * hour, 8 * hour})
	}
	urgent := func() *bool { return one(w, &yes, &no) }
	var notify func(u string, pri belfry.Priority)
	notify = func(u string, pri belfry.Priority) {
		e := event{kind: "notify", user: u, pri: pri, key: one(w, "", "", "x", "y")}
		if w.chance(.1) {
			e.exp = w.now + w.between(hour, 2*day)
		}
		q := w.append(e)
		seqs[u] = append(seqs[u], q)
		switch x := w.Float64(); {
		case x < .3:
			w.soon(w.delay-1, w.delay+40, func() { w.append(event{kind: one(w, "seen", "read"), user: u, seqs: []uint64{q}}) })
		case x < .35:
			w.soon(0, 30, func() { w.append(event{kind: "prefs", user: u, on: map[string]bool{"push": false}}) })
			w.soon(60, 9*hour, func() { w.append(event{kind: "prefs", user: u, on: map[string]bool{"push": true}}) })
		case x < .4:
			w.soon(0, .1, func() { notify(u, belfry.PriorityUrgent) })
		}
	}
	any := func() belfry.Priority {
		return one(w, belfry.PriorityNormal, belfry.PriorityNormal, belfry.PriorityHigh, belfry.PriorityUrgent)
	}
	endpoint := func(u, hash string) {
		delete(w.dead, endpointOf{u, hash})
		w.append(event{kind: "endpoint", user: u, hash: hash})
	}
	act := func(u string) {
		x, hash := w.Float64(), one(w, "e0", "e1", "e2", "m0")
		some := append([]uint64{}, seqs[u][max(0, len(seqs[u])-6):]...)
		w.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
		some = some[:min(len(some), one(w, 1, 1, 2, 6))]
		switch {
		case x < .38 || len(some) == 0:
			notify(u, any())
		case x < .68:
			w.append(event{kind: one(w, "seen", "seen", "read", "unread", "archive", "unarchive", "delete"), user: u, seqs: some})
		case x < .75:
			w.append(event{kind: "snooze", user: u, seqs: some, until: w.now + w.between(600, 20*hour)})
		case x < .83:
			e := event{kind: "prefs", user: u}
			switch w.IntN(4) {
			case 0:
				e.on = map[string]bool{"push": w.chance(.5)}
			case 1:
				e.on = map[string]bool{"mail": w.chance(.5)}
			case 2:
				e.urgent = urgent()
			default:
				e.quiet = quiet()
			}
			w.append(e)
		case x < .91:
			endpoint(u, hash)
		case x < .94:
			w.append(event{kind: "unsubscribe", user: u, hash: hash})
		default: // it answers 410 from now on, perhaps late, and is perhaps added again meanwhile
			w.dead[endpointOf{u, hash}] = true
			notify(u, belfry.PriorityUrgent)
			if w.chance(.7) {
				w.soon(1, 25, func() { endpoint(u, hash) })
			}
		}
	}
	for _, u := range []string{"a", "b", "c"} {
		w.at(w.between(0, hour), func() { w.append(event{kind: "prefs", user: u, quiet: quiet(), urgent: urgent()}) })
		for _, hash := range []string{"e0", "e1", "m0"} {
			if w.chance(.6) {
				w.at(w.between(0, 3*hour), func() { endpoint(u, hash) })
			}
		}
		for range 25 {
			w.at(w.between(0, end), func() { act(u) })
		}
	}
	for range 6 {
		w.soon(0, end, func() { w.stopOwner(w.chance(.5)) })
		w.soon(0, end, func() { w.skew = w.between(-skewed, skewed) })
		for _, c := range ways {
			w.soon(0, end, func() { w.stopSender(c, w.chance(.6)) })
			w.soon(0, end, func() { w.senders[c.name].lag = one(w, .5, 2, 20, 90) })
		}
		for _, o := range []string{"o0", "o1", "smtp"} {
			w.soon(0, end, func() { w.state[o] = one(w, "ok", "ok", "slow", "hole", "refuse") })
		}
	}
	w.at(end, func() { // with new channels, hence a new owner
		w.chaos, w.skew, w.state = false, 0, map[string]string{"o0": "ok", "o1": "ok", "smtp": "ok"}
		for _, s := range w.senders {
			s.lag = 2
		}
		w.setDelay(600)
		w.stopOwner(false)
		for _, z := range w.zombies {
			z.live = false
		}
	})
	w.at(end+4*hour, func() { // dead letters are replayed as they were received
		for _, r := range w.letters {
			w.emit(r)
		}
	})
	w.at(end+day+2*hour, func() { w.append(event{kind: "notify", user: "a"}) })
	for i := range 20 {
		w.at(end+day+10*hour+300*float64(i), func() { w.append(event{kind: "notify", user: "b", key: "x"}) })
	}
}
