package complaints_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"mohr/complaints"
	"mohr/internal/fault"
)

func TestParseWindow(t *testing.T) {
	tests := []struct {
		name, text, want string
		first, total     time.Duration
	}{
		{"the default", "single(96h)", "single(96h)", 96 * time.Hour, 96 * time.Hour},
		{"days are hours", "single(30d)", "single(720h)", 720 * time.Hour, 720 * time.Hour},
		{"the centre's rule until 2020", "staged(96h,96h,96h)", "staged(96h,96h,96h)", 96 * time.Hour, 288 * time.Hour},
		{"the centre's rule since", "staged(72h,48h,24h)", "staged(72h,48h,24h)", 72 * time.Hour, 144 * time.Hour},
		{"the longest", "single(366d)", "single(8784h)", 8784 * time.Hour, 8784 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := window(t, tt.text)
			if w.String() != tt.want || w.First() != tt.first || w.Total() != tt.total {
				t.Errorf("got %s, %v, %v", w, w.First(), w.Total())
			}
		})
	}
}

func TestParseWindowRefuses(t *testing.T) {
	for _, s := range []string{
		"", "single", "single()", "single(96)", "single(h)", "single(0h)", "single(096h)", "single(-1h)", "single(+1h)", "single(1.5h)",
		"single(96h", "single(96h))", "single(96h) ", " single(96h)", "Single(96h)", "single(96h,96h)", "staged(96h)", "staged(96h,)",
		"staged(96h, 96h)", "staged(,96h)", "single(96m)", "single(367d)", "single(8785h)", "single(99999h)", "single(۹۶h)",
		"staged(" + strings.Repeat("1h,", 8) + "1h)", "single(96h)single(96h)", "single(96h\x00)",
	} {
		if w, err := complaints.ParseWindow(s); !errors.Is(err, fault.Invalid) || !w.IsZero() {
			t.Errorf("%q: got %v, %v", s, w, err)
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	for _, s := range []string{"single(96h)", "staged(96h,96h,96h)", "staged(72h,48h,24h)", "single(30d)", "staged(1h,2d)", "single(0h)", "staged(1h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		w, err := complaints.ParseWindow(s)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatalf("not Invalid: %v", err)
			}
			return
		}
		if !strings.Contains(s, "d,") && !strings.Contains(s, "d)") && w.String() != s {
			t.Fatalf("%q is written back as %q", s, w)
		}
		if back, err := complaints.ParseWindow(w.String()); err != nil || back != w {
			t.Fatalf("%q: read back %v, %v", s, back, err)
		}
		if w.First() <= 0 || w.Total() < w.First() || w.Until(w.Stages()) != w.Total() {
			t.Fatalf("%q: first %v, total %v", s, w.First(), w.Total())
		}
	})
}

func TestPoliciesOverTime(t *testing.T) {
	centre, err := complaints.ShippedPolicies(complaints.CentrePolicies)
	if err != nil {
		t.Fatal(err)
	}
	standard, err := complaints.ShippedPolicies(complaints.DefaultPolicies)
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2020, 11, 7, 0, 0, 0, 0, time.FixedZone("Tehran", 3*3600+1800)) // 17 Aban 1399
	tests := []struct {
		name     string
		policies complaints.Policies
		at       time.Time
		want     string
	}{
		{"the first holds from the beginning", centre, time.Time{}, "staged(96h,96h,96h)"},
		{"until the last second before the change", centre, day.Add(-time.Second), "staged(96h,96h,96h)"},
		{"the second from the day itself", centre, day, "staged(72h,48h,24h)"},
		{"the default", standard, day, "single(96h)"},
		{"no policy at all is the default", nil, day, "single(96h)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.policies.At(tt.at).Window.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestParsePoliciesRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":                 "",
		"an empty list":           "[]",
		"an unknown key":          "- {version: a, window: single(96h), grace: 1h}",
		"a key twice":             "- {version: a, version: b, window: single(96h)}",
		"no version":              "- {window: single(96h)}",
		"a version twice":         "- {version: a, window: single(96h)}\n- {version: a, from: 2020-01-01T00:00:00Z, window: single(48h)}",
		"a dated first":           "- {version: a, from: 2020-01-01T00:00:00Z, window: single(96h)}",
		"an undated second":       "- {version: a, window: single(96h)}\n- {version: b, window: single(48h)}",
		"dates out of order":      "- {version: a, window: single(96h)}\n- {version: b, from: 2020-01-02T00:00:00Z, window: single(1h)}\n- {version: c, from: 2020-01-01T00:00:00Z, window: single(1h)}",
		"a window that is none":   "- {version: a, window: double(96h)}",
		"a second document":       "- {version: a, window: single(96h)}\n---\n- {version: b, window: single(96h)}",
		"a map where a list is":   "version: a",
		"a file larger than 64 K": "- {version: a, window: single(96h)}\n" + strings.Repeat("#", 65<<10),
	} {
		if _, err := complaints.ParsePolicies([]byte(text)); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := complaints.ShippedPolicies("../policy"); !errors.Is(err, fault.Invalid) {
		t.Errorf("unknown name: got %v", err)
	}
}

func TestParseRolling(t *testing.T) {
	for text, want := range map[string]complaints.Rolling{"all": 0, "365d": complaints.Year, "90d": complaints.Rolling(90 * day)} {
		if got, err := complaints.ParseRolling(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "0d", "365", "365h", "-1d", "+5d", "99999d", "All", "365d "} {
		if _, err := complaints.ParseRolling(text); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func FuzzParsePolicies(f *testing.F) {
	f.Add([]byte("- {version: a, window: single(96h)}\n- {version: b, from: 2020-11-06T20:30:00Z, window: \"staged(72h,48h,24h)\"}"))
	f.Add([]byte("- {version: a, from: 2020-01-01T00:00:00Z, window: single(96h)}"))
	f.Add([]byte("a: &x [*x]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		policies, err := complaints.ParsePolicies(b)
		if err != nil {
			if !errors.Is(err, fault.Invalid) {
				t.Fatalf("not Invalid: %v", err)
			}
			return
		}
		for i, p := range policies {
			if p.Version == "" || p.Window.IsZero() || (i > 0 && !p.From.After(policies[i-1].From)) {
				t.Fatalf("policy %d: %+v", i, p)
			}
			if got := policies.At(p.From); got.Version != p.Version {
				t.Fatalf("at %v %s is in force, not %s", p.From, got.Version, p.Version)
			}
		}
	})
}
