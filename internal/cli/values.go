package cli

import "cmp"

// InRange returns a usage error for a value of a flag that is not least to most.
func InRange[T cmp.Ordered](flag string, value, least, most T) error {
	if value < least || value > most {
		return FlagErrorf(flag, "must be %v to %v, is %v", least, most, value)
	}
	return nil
}

// Together returns a usage error if one of two flags is given without the other.
func Together(flag, value, other, otherValue string) error {
	switch {
	case value != "" && otherValue == "":
		return FlagErrorf(flag, "needs --%s as well", other)
	case value == "" && otherValue != "":
		return FlagErrorf(other, "needs --%s as well", flag)
	}
	return nil
}
