package signing

import "embed"

// Pages are this room's pages/*.html.
//
//go:embed pages/*.html
var Pages embed.FS

// Texts are this room's page texts, and its faults in Persian.
//
//go:embed texts.yaml
var Texts []byte
