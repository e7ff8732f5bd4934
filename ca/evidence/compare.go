package evidence

import "slices"

// Likeness is what comparing two names by the written rule (docs/names.md)
// came to.
type Likeness string

// The outcomes, from the closest. Unreadable is never the same.
const (
	Identical   Likeness = "identical"    // letter for letter
	SameWriting Likeness = "same_writing" // once both are written one way
	SameLetters Likeness = "same_letters" // but for what the rule leaves out
	Different   Likeness = "different"    //
	Unreadable  Likeness = "unreadable"   // one of them does not follow the rule of names
)

// Same reports whether the names are one name.
func (l Likeness) Same() bool { return l == Identical || l == SameWriting || l == SameLetters }

// Why explains the outcome in English and names nobody.
func (l Likeness) Why() string {
	switch l {
	case Identical:
		return "letter for letter the same"
	case SameWriting:
		return "the same once Arabic letter forms, vowel signs, joiners and spaces are written one way"
	case SameLetters:
		return "the same but for spaces, hyphens, dots, hamza, marks or capitals"
	case Unreadable:
		return "a name that does not follow the rule of names"
	}
	return "different"
}

// CompareNames compares two names, of persons or of legal persons.
func CompareNames(a, b string) Likeness {
	x, errX := ParseLegalName(a)
	y, errY := ParseLegalName(b)
	switch {
	case errX != nil || errY != nil:
		return Unreadable
	case x.raw == y.raw:
		return Identical
	case x.normal == y.normal:
		return SameWriting
	case x.key == y.key:
		return SameLetters
	}
	return Different
}

// likenesses are the outcomes, from the closest.
var likenesses = []Likeness{Identical, SameWriting, SameLetters, Different, Unreadable}

// further returns the less close of two outcomes.
func further(a, b Likeness) Likeness {
	return likenesses[max(slices.Index(likenesses, a), slices.Index(likenesses, b))]
}
