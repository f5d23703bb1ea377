package codec_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry/codec"
)

func BenchmarkEncodeState(b *testing.B) {
	s := typicalState(100, 5)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.EncodeState(&s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEncodePeople is of a row whose items stand for 1,000 different people.
func BenchmarkEncodePeople(b *testing.B) {
	s := rowOfPeople(1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.EncodeState(&s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeState(b *testing.B) {
	s := typicalState(100, 5)
	row := must(b)(codec.EncodeState(&s))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.DecodeState(row); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRowVersion(b *testing.B) {
	s := typicalState(100, 5)
	row := must(b)(codec.EncodeState(&s))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.RowVersion(row); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeStamp(b *testing.B) {
	s, now := typicalState(100, 5), time.Now()
	row := must(b)(codec.EncodeState(&s))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.DecodeStamp(row, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBadge(b *testing.B) {
	s, now := typicalState(100, 5), time.Now()
	row := must(b)(codec.EncodeState(&s))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.DecodeBadge(row, now); err != nil {
			b.Fatal(err)
		}
	}
}
