package eid

import _ "embed"

// Texts are this package's texts in Persian and English.
//
//go:embed texts.yaml
var Texts []byte
