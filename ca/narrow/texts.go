package narrow

import _ "embed"

// Texts are the Persian texts of this room's faults.
//
//go:embed texts.yaml
var Texts []byte
