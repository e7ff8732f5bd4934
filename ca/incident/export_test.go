package incident

// ParseProof is for its fuzz test: it is a parser of foreign bytes.
var ParseProof = parseProof
