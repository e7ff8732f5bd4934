package chip_test

import (
	"strings"
	"testing"

	"mohr/enroll/chip"
	"mohr/enroll/chip/chipsim"
	"mohr/internal/fault"
)

// The specimens of Doc 9303-4, appendix, and Doc 9303-5, appendix.
const (
	specimenTD3 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<" + "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
	specimenTD1 = "I<UTOD231458907<<<<<<<<<<<<<<<" + "7408122F1204159UTO<<<<<<<<<<<6" + "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"
)

func TestSpecimensOfTheStandardAreRead(t *testing.T) {
	for zone, want := range map[string]chip.MRZ{
		specimenTD3: {State: "UTO", Number: "L898902C3", LastName: "ERIKSSON", FirstName: "ANNA MARIA", Nationality: "UTO", BirthDate: "1974-08-12", Expires: "2012-04-15", Optional: "ZE184226B"},
		specimenTD1: {State: "UTO", Number: "D23145890", LastName: "ERIKSSON", FirstName: "ANNA MARIA", Nationality: "UTO", BirthDate: "1974-08-12", Expires: "2012-04-15"},
	} {
		got, err := chip.ParseMRZ(zone, now)
		if err != nil || got != want {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func TestEveryCheckDigitIsAsked(t *testing.T) {
	for _, zone := range []string{specimenTD3, specimenTD1} {
		for i := range len(zone) {
			if zone[i] < '0' || zone[i] > '9' {
				continue
			}
			changed := zone[:i] + string('0'+(zone[i]-'0'+1)%10) + zone[i+1:]
			if _, err := chip.ParseMRZ(changed, now); fault.Code(err) != "chip_mrz_check_digit" {
				t.Errorf("digit %d changed: %v", i, err)
			}
		}
	}
}

func TestZones(t *testing.T) {
	zone := chipsim.MRZ(holder())
	td1 := func(number, after string) string { // a card with a long number
		line := "I<IRN" + number + "<" + after
		line += strings.Repeat("<", 30-len(line))
		two := "900514" + chipsim.CheckDigit("900514") + "F310514" + chipsim.CheckDigit("310514") + "IRN" + strings.Repeat("<", 11)
		return line + two + chipsim.CheckDigit(line[5:]+two[:7]+two[8:15]+two[18:29]) + "AHMADI<<SARA" + strings.Repeat("<", 18)
	}
	long := td1("D23145890", "734"+chipsim.CheckDigit("D23145890734"))
	if m, err := chip.ParseMRZ(long, now); err != nil || m.Number != "D23145890734" {
		t.Errorf("a long number: %+v, %v", m, err)
	}
	unknown := strings.Replace(zone, "900514"+chipsim.CheckDigit("900514"), "90<<<<"+chipsim.CheckDigit("90<<<<"), 1)
	unknown = unknown[:87] + chipsim.CheckDigit(unknown[44:54]+unknown[57:64]+unknown[65:87])
	if m, err := chip.ParseMRZ(unknown, now); err != nil || m.BirthDate != "" {
		t.Errorf("a birthday that is not known: %+v, %v", m, err)
	}
	for name, tc := range map[string]struct{ zone, code string }{
		"empty":                               {"", "chip_mrz"},
		"a visa's size":                       {zone[:72], "chip_mrz"},
		"a visa":                              {"V" + zone[1:], "chip_mrz"},
		"small letters":                       {strings.ToLower(zone), "chip_mrz"},
		"letters of another script":           {"P<IRN" + strings.Repeat("آ", 41) + "<", "chip_mrz"},
		"no name":                             {"P<IRN" + strings.Repeat("<", 39) + zone[44:], "chip_mrz"},
		"a thirteenth month":                  {strings.Replace(zone, "310514"+chipsim.CheckDigit("310514"), "311314"+chipsim.CheckDigit("311314"), 1), "chip_mrz_check_digit"},
		"a long number without a check digit": {td1("D23145890", ""), "chip_mrz_check_digit"},
	} {
		if _, err := chip.ParseMRZ(tc.zone, now); fault.Code(err) != tc.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}
