package enroll

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mohr/ca/evidence"
)

// Told is one thing that a source said.
type Told struct {
	Name, Value string
	Code        bool // a number or a code, which is written in Latin everywhere
}

// told lists what claims say, by name, without what was not said. The names
// are those of the API, which the rules of the policy use too.
func told(c evidence.Claims) []Told {
	b, err := json.Marshal(c)
	if err != nil {
		return nil // claims are strings, numbers and flags: they always encode
	}
	var all map[string]any
	if json.Unmarshal(b, &all) != nil {
		return nil
	}
	var list []Told
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := fmt.Sprint(all[name])
		list = append(list, Told{name, value, strings.ContainsAny(value, "0123456789")})
	}
	return list
}
