package pdf

import _ "embed"

// Texts holds the texts of the package's faults in Persian.
//
//go:embed texts.yaml
var Texts []byte
