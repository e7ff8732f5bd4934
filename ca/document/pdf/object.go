package pdf

// An object is one of: nil (null), bool, int64, decimal, str, name, array, dict,
// ref, *stream.
type object any

// The kinds of objects that Go has no type for (ISO 32000-1 section 7.3).
type (
	decimal string // as written
	name    string // without its slash, escapes resolved
	array   []object
	dict    map[name]object
)

// str is a string, its escapes resolved. at and end are where it stood in the
// file, its delimiters included; both are 0 in an object stream.
type str struct {
	octets  []byte
	at, end int
}

// ref is an indirect reference.
type ref struct{ num, gen int }

// stream is a dictionary with octets, as they are in the file.
type stream struct {
	dict dict
	raw  []byte
}
