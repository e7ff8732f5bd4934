package chip

import _ "embed"

// Texts are this room's texts in Persian and English.
//
//go:embed texts.yaml
var Texts []byte
