package inflate

// pieces are bytes to be read that lie in several places: what an answer is made of is
// copied once, by who reads it.
type pieces struct {
	all  [][]byte
	next int // of all
	size int // of what is still to be read
}

// reset forgets all of them.
func (p *pieces) reset() {
	clear(p.all) // what is let go elsewhere is not held here
	p.all, p.next, p.size = p.all[:0], 0, 0
}

// add puts b behind the others. It is used until it was read.
func (p *pieces) add(b []byte) {
	p.all, p.size = append(p.all, b), p.size+len(b)
}

// read fills out with what comes next, and returns with how much.
func (p *pieces) read(out []byte) (n int) {
	for n < len(out) && p.size > 0 {
		some := copy(out[n:], p.all[p.next])
		if p.all[p.next] = p.all[p.next][some:]; len(p.all[p.next]) == 0 {
			p.next++
		}
		n, p.size = n+some, p.size-some
	}
	return n
}
