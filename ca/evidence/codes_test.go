package evidence_test

import (
	"errors"
	"testing"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

type parse func(string) (string, error)

func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    parse
		in   string
		want string // "": refused
	}{
		{"a national code with remainder below 2", evidence.ParseNationalCode, "0499370899", "0499370899"},
		{"a national code in Persian digits", evidence.ParseNationalCode, "۰۰۱۲۳۴۵۶۷۹", "0012345679"},
		{"a national code in Arabic digits", evidence.ParseNationalCode, "٠٠١٢٣٤٥٦٧٩", "0012345679"},
		{"a national code in Devanagari digits is refused", evidence.ParseNationalCode, "००१२३४५६७९", ""},
		{"a wrong check digit is refused", evidence.ParseNationalCode, "0012345678", ""},
		{"two digits swapped are refused", evidence.ParseNationalCode, "0012354679", ""},
		{"ten equal digits are refused", evidence.ParseNationalCode, "1111111111", ""},
		{"nine digits are refused", evidence.ParseNationalCode, "012345679", ""},
		{"an empty code is refused", evidence.ParseNationalCode, "", ""},
		{"a sign is refused", evidence.ParseNationalCode, "+012345679", ""},

		{"a legal id", evidence.ParseLegalID, "10380284790", "10380284790"},
		{"a legal id in Persian digits", evidence.ParseLegalID, "۱۰۳۸۰۲۸۴۷۹۰", "10380284790"},
		{"a legal id with a wrong check digit is refused", evidence.ParseLegalID, "10380284791", ""},
		{"eleven equal digits are refused", evidence.ParseLegalID, "11111111111", ""},
		{"ten digits are refused", evidence.ParseLegalID, "1038028479", ""},
		{"an empty legal id is refused", evidence.ParseLegalID, "", ""},

		{"a mobile as people write it", evidence.ParseMobile, "09121234567", "+989121234567"},
		{"a mobile in Persian digits with spaces", evidence.ParseMobile, "۰۹۱۲ ۱۲۳ ۴۵۶۷", "+989121234567"},
		{"a mobile without zero", evidence.ParseMobile, "9121234567", "+989121234567"},
		{"a mobile with country code", evidence.ParseMobile, "+98 912-123-4567", "+989121234567"},
		{"a mobile with 0098", evidence.ParseMobile, "00989121234567", "+989121234567"},
		{"a mobile with 98", evidence.ParseMobile, "989121234567", "+989121234567"},
		{"a land line is refused", evidence.ParseMobile, "02112345678", ""},
		{"country code and zero are refused", evidence.ParseMobile, "+9809121234567", ""},
		{"a digit too many is refused", evidence.ParseMobile, "091212345678", ""},
		{"another country is refused", evidence.ParseMobile, "+4915112345678", ""},
		{"letters are refused", evidence.ParseMobile, "0912123456O", ""},

		{"a date of birth", evidence.ParseBirthDate, "1990-02-28", "1990-02-28"},
		{"a date of birth in Persian digits", evidence.ParseBirthDate, "۱۹۹۰-۰۲-۲۸", "1990-02-28"},
		{"a day that does not exist is refused", evidence.ParseBirthDate, "1990-02-30", ""},
		{"a Jalali year is refused", evidence.ParseBirthDate, "1369-01-01", ""},
		{"trailing text is refused", evidence.ParseBirthDate, "1990-02-28T", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.f(tt.in)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Fatalf("got %q, %v; want %q", got, err, tt.want)
			}
			if err != nil && !errors.Is(err, fault.Invalid) {
				t.Errorf("error %v is not Invalid", err)
			}
		})
	}
}

func FuzzCodes(f *testing.F) {
	for _, s := range []string{"0499370899", "۰۹۱۲۱۲۳۴۵۶۷", "10380284790", "1990-02-28", "", "+98"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range []parse{evidence.ParseNationalCode, evidence.ParseLegalID, evidence.ParseMobile, evidence.ParseBirthDate} {
			once, err := p(s)
			if err != nil {
				continue
			}
			if twice, err := p(once); err != nil || twice != once {
				t.Errorf("%q parses to %q, which parses to %q, %v", s, once, twice, err)
			}
		}
	})
}
