package main

import "testing"

func TestBenchRouter(t *testing.T) {
	r := call(t, "bench", "router", "--events", "100", "--rounds", "1", "--duration", "1ms")
	r.WantOutput(t, "router: go", "GOMAXPROCS 1", "100 events of", "ten rules", "rules  ", "by hand  ", "decode only  ")
}
