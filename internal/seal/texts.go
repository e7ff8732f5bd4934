package seal

import _ "embed"

// Texts holds the Persian texts of this package's faults, for i18n.Parse.
//
//go:embed texts.yaml
var Texts []byte
