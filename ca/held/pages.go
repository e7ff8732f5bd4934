package held

import _ "embed"

// Texts are the texts of this room's pages, and the Persian texts of its faults.
//
//go:embed texts.yaml
var Texts []byte
