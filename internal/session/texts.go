package session

import _ "embed"

// Texts are the Persian texts of this package's faults.
//
//go:embed texts.yaml
var Texts []byte
