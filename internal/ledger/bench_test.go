package ledger_test

import "testing"

// BenchmarkSequence gives leaves their places, a thousand a call.
func BenchmarkSequence(b *testing.B) {
	s := openStore(b)
	l := openLog(b, s, newKey(b))
	const leaves = 1000
	for i := range b.N {
		b.StopTimer()
		appendEvents(b, s, i*leaves, (i+1)*leaves)
		b.StartTimer()
		if err := l.Sequence(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*leaves)/b.Elapsed().Seconds(), "leaves/s")
}
