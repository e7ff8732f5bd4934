package opendata

import _ "embed"

// Texts are this drawer's faults in Persian.
//
//go:embed texts.yaml
var Texts []byte
