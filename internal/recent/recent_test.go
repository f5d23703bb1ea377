package recent

import "testing"

func TestMapKeepsWhatIsUsed(t *testing.T) {
	m := New[int, string](10)
	m.Put(0, "used")
	for i := range 100 {
		m.Put(i+1, "put once")
		if got, ok := m.Use(0); !ok || got != "used" {
			t.Fatalf("got %q, %t after %d others", got, ok, i+1)
		}
		if _, ok := m.Get(max(i-8, 1)); !ok {
			t.Fatalf("one of the last ten is forgotten after %d", i+1)
		}
	}
	if m.Len() > 20 {
		t.Errorf("holds %d, want at most 20", m.Len())
	}
	if _, ok := m.Get(1); ok {
		t.Error("the first is still there")
	}
}

func TestMapTakesOnce(t *testing.T) {
	m := New[string, int](2)
	m.Put("a", 1)
	m.Turn()
	m.Use("a") // in both generations
	if got, ok := m.Take("a"); !ok || got != 1 {
		t.Errorf("got %d, %t", got, ok)
	}
	if _, ok := m.Take("a"); ok || m.Len() != 0 {
		t.Errorf("it is there again; %d are left", m.Len())
	}
}

func TestMapTurns(t *testing.T) {
	m := New[int, bool](2)
	m.Put(1, true)
	m.Put(2, true)
	m.Put(2, true) // no new one
	if !m.Full() || m.Len() != 2 {
		t.Errorf("full %t with %d", m.Full(), m.Len())
	}
	m.Turn()
	m.Turn()
	if m.Full() || m.Len() != 0 {
		t.Errorf("%d are left after two turns", m.Len())
	}
}
