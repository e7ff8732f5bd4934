package clock

import _ "embed"

// Texts holds the room's texts in Persian.
//
//go:embed texts.yaml
var Texts []byte
