package figures

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Area is a part of the program, with its share of the processor time.
type Area struct {
	Name  string  `json:"name"`
	Share float64 `json:"share"` // of 1
}

type area struct {
	name  string
	words []string
}

// areas say by which words in a function's name it belongs where. Of a stack,
// the innermost function that any area names decides.
var areas = []area{
	{"memory: allocating and collecting", []string{"runtime.mallocgc", "runtime.gcBgMarkWorker", "runtime.gcAssist", "runtime.bgsweep", "runtime.bgscavenge", "runtime.wbBufFlush", "runtime.gcStart", "runtime.gcMark"}},
	{"linting", []string{"zmap/zlint", "zmap/zcrypto", "mohr/ca/lint."}},
	{"signing and verifying", []string{"crypto/ecdsa.", "fips140/ecdsa.", "nistec", "crypto/ed25519.", "crypto/rsa."}},
	{"sealing, hashing, random numbers", []string{"mohr/internal/seal.", "crypto/sha", "fips140/sha", "fips140/aes", "fips140/hmac", "crypto/rand."}},
	{"the store's pages and commits", []string{"go.etcd.io/bbolt"}},
	{"JSON", []string{"encoding/json.", "go-json-experiment"}},
	{"certificates: building and parsing", []string{"crypto/x509.", "encoding/asn1.", "cryptobyte"}},
	{"the log's tree", []string{"mohr/internal/ledger.", "sumdb/tlog."}},
	{"registries and messages", []string{"mohr/internal/gateway.", "failsafe-go", "net/http.(*Transport)", "net/http.(*persistConn)"}},
	{"HTTP and TLS", []string{"net/http.", "crypto/tls.", "labstack/echo", "danielgtaylor/huma", "mohr/internal/web."}},
	{"the rooms themselves", []string{"mohr/"}},
	{"scheduling and the kernel", []string{"runtime.", "syscall.", "internal/poll."}},
}

const otherArea = "other"

// Areas shares the processor time of a profile (pprof's format) among the
// parts of the program, largest first.
func Areas(profile []byte) ([]Area, error) {
	stacks, err := readProfile(profile)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	spent, total := map[string]int64{}, int64(0)
	for _, s := range stacks {
		spent[areaOf(s.functions)] += s.value
		total += s.value
	}
	var list []Area
	for name, v := range spent {
		list = append(list, Area{name, float64(v) / float64(total)})
	}
	slices.SortFunc(list, func(a, b Area) int {
		switch {
		case a.Share > b.Share:
			return -1
		case a.Share < b.Share:
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list, nil
}

// areaOf goes from the innermost function outwards. The last area counts only
// where no other has a function in the stack.
func areaOf(stack []string) string {
	for _, part := range [2]int{len(areas) - 1, len(areas)} {
		for _, function := range stack {
			for _, a := range areas[:part] {
				if slices.ContainsFunc(a.words, func(w string) bool { return strings.Contains(function, w) }) {
					return a.name
				}
			}
		}
	}
	return otherArea
}

// stack is a sample: functions, innermost first, and nanoseconds.
type stack struct {
	functions []string
	value     int64
}

// Fields of perftools.profiles.Profile and what is in it.
const (
	profileSample, profileLocation, profileFunction, profileString = 2, 4, 5, 6
	sampleLocation, sampleValue                                    = 1, 2
	locationID, locationLine, lineFunction                         = 1, 4, 1
	functionID, functionName                                       = 1, 2
	maxProfile                                                     = 64 << 20
)

// readProfile reads as much of a profile as the areas need.
func readProfile(b []byte) ([]stack, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	if b, err = io.ReadAll(io.LimitReader(z, maxProfile)); err != nil {
		return nil, err
	}
	var samples [][]byte
	var names []string
	lines, functions := map[uint64][]uint64{}, map[uint64]uint64{}
	err = eachField(b, func(n protowire.Number, _ uint64, inner []byte) error {
		switch n {
		case profileSample:
			samples = append(samples, inner)
		case profileString:
			names = append(names, string(inner))
		case profileLocation:
			var id uint64
			var in []uint64
			err := eachField(inner, func(n protowire.Number, v uint64, line []byte) error {
				switch n {
				case locationID:
					id = v
				case locationLine:
					f, err := numbers(line, lineFunction)
					in = append(in, f...)
					return err
				}
				return nil
			})
			lines[id] = in
			return err
		case profileFunction:
			id, err := numbers(inner, functionID)
			name, err2 := numbers(inner, functionName)
			if err := errors.Join(err, err2); err != nil || len(id) != 1 || len(name) != 1 {
				return err
			}
			functions[id[0]] = name[0]
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return named(samples, lines, functions, names)
}

// named puts the functions' names into the samples.
func named(samples [][]byte, lines map[uint64][]uint64, functions map[uint64]uint64, names []string) ([]stack, error) {
	var list []stack
	for _, sample := range samples {
		at, err := numbers(sample, sampleLocation)
		if err != nil {
			return nil, err
		}
		values, err := numbers(sample, sampleValue)
		if err != nil || len(values) == 0 {
			return nil, errors.Join(errors.New("a sample has no value"), err)
		}
		s := stack{value: int64(values[len(values)-1])}
		for _, location := range at {
			for _, f := range lines[location] {
				if i := functions[f]; i < uint64(len(names)) {
					s.functions = append(s.functions, names[i])
				}
			}
		}
		list = append(list, s)
	}
	return list, nil
}

// numbers returns the values of a numeric field, packed or not.
func numbers(message []byte, field protowire.Number) (list []uint64, err error) {
	err = eachField(message, func(n protowire.Number, v uint64, packed []byte) error {
		if n != field {
			return nil
		}
		if packed == nil {
			list = append(list, v)
		}
		for len(packed) > 0 {
			v, size := protowire.ConsumeVarint(packed)
			if size < 0 {
				return protowire.ParseError(size)
			}
			list, packed = append(list, v), packed[size:]
		}
		return nil
	})
	return list, err
}

// eachField calls fn with the fields of a message: a number, or the octets of
// an inner message, a string or packed numbers.
func eachField(b []byte, fn func(n protowire.Number, v uint64, inner []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var v uint64
		var inner []byte
		switch kind {
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			inner, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		if err := fn(n, v, inner); err != nil {
			return err
		}
	}
	return nil
}
