package gateway_test

import (
	"errors"
	"slices"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/gateway"
)

func TestTextsOfAName(t *testing.T) {
	server := names(t, func(name, qtype string) []string {
		if qtype != "TXT" {
			return []string{}
		}
		switch name {
		case "_proof.shop.example":
			return []string{`TXT "one"`, `TXT "two " "halves"`}
		case "_long.shop.example":
			return []string{"TRUNCATED", `TXT "by TCP"`}
		case "_none.shop.example":
			return []string{}
		case "_broken.shop.example":
			return []string{"SERVFAIL"}
		case "_other.shop.example":
			return []string{"ANOTHER", `TXT "x"`}
		}
		return nil
	})
	d, err := gateway.NewDialer(gateway.DialConfig{Resolvers: []string{server}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, label, host string
		want              []string
		kind              fault.Kind
	}{
		{"several, and one in two strings", "_proof", "shop.example", []string{"one", "two halves"}, ""},
		{"one too long for a datagram", "_long", "shop.example", []string{"by TCP"}, ""},
		{"a name without any", "_none", "shop.example", nil, fault.NotFound},
		{"a name that does not exist", "_gone", "shop.example", nil, fault.NotFound},
		{"a resolver that fails", "_broken", "shop.example", nil, fault.Unavailable},
		{"an answer to something else", "_other", "shop.example", nil, fault.Unavailable},
		{"a label with a dot", "_a.b.", "shop.example", nil, fault.Invalid},
		{"a host that is none", "_proof", "shop example", nil, fault.Invalid},
		{"a host that is an address", "_proof", "127.0.0.1", nil, fault.Invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, resolver := range []string{server, ""} {
				got, err := d.TXT(t.Context(), resolver, test.label, test.host)
				if !slices.Equal(got, test.want) || test.kind != "" && !errors.Is(err, test.kind) || test.kind == "" && err != nil {
					t.Errorf("by %q: %q, %v", resolver, got, err)
				}
			}
		})
	}
	if _, err := d.TXT(t.Context(), "192.0.2.1:53", "_proof", "shop.example"); err == nil {
		t.Error("a resolver that is not configured was asked")
	}
}
