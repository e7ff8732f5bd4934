package service

import (
	"strings"
	"testing"
)

func TestAttestationConfigurationsThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		c          AttestationConfig
		production bool
		why        string
	}{
		"an environment of nobody":        {AttestationConfig{Environment: "simulated"}, false, "without one no device"},
		"no environment":                  {AttestationConfig{TPM: "roots"}, false, "attestation.environment"},
		"a strange environment":           {AttestationConfig{PIV: "roots", Environment: "staging"}, false, "attestation.environment"},
		"simulated devices in production": {AttestationConfig{TPM: "roots", Environment: "simulated"}, true, "production is set"},
		"none":                            {AttestationConfig{}, true, ""},
		"real ones":                       {AttestationConfig{TPM: "tpm", PIV: "piv", Environment: "production"}, true, ""},
	} {
		err := tc.c.Validate(tc.production)
		if (err == nil) != (tc.why == "") || err != nil && !strings.Contains(err.Error(), tc.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if folder("") != nil {
		t.Error("no directory is one")
	}
}
