package belfry

// Header is one header of a Kafka record. Names may be repeated.
type Header struct {
	Key   string
	Value []byte
}
