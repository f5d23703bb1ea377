package codec

// UsesReach reports whether an encoded row has columns of the capability reach, false for
// one that cannot be read. Of a row without capabilities it looks at no more than the
// format.
func UsesReach(b []byte) bool {
	if len(b) > 1 && b[0] == rowFormatField<<3 && b[1] == firstFormat {
		return false
	}
	h, err := readHead(b, 0)
	return err == nil && h.uses&usesReach != 0
}
