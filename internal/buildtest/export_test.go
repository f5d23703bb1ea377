package buildtest

// Forget has the next call of Program build as another test binary would.
func Forget() { builds.Clear() }
