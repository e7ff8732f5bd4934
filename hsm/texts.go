package hsm

import _ "embed"

// Texts holds the Persian texts of this room's faults, for i18n.Parse.
//
//go:embed texts.yaml
var Texts []byte
