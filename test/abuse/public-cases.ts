/** The public abuse cases, by area and number. */
const NUMBERS = {
  AUD: '01 03 04',
  AUZ: '01 02 05 07 08 09 10 12',
  AVL: '01 04',
  CLI: '01 04',
  CLK: '01 04 06 07 09',
  CSR: '01 02 03 05 07 08',
  EC2: '01 02 03 04 05 06 09 10 12',
  EML: '01 02 04 07 09 10 11',
  ENU: '01 03 04 06',
  HTP: '01 02 04 05 07 09 10 11 13 15 18 20 21',
  IAC: '01 02 05 06 08 09',
  INJ: '01 05 06 09 10',
  INV: '01 02 04 06 07 09 10 11 12 15 17 18 20 21 23 25',
  LEK: '01 02 04 06 08 10 11',
  LOC: '01 03 05 07 09',
  PRV: '01 02 04 06 07 09 10 12 13 15 17 18',
  PWD: '01 03 04 05 08 09',
  RAT: '01 03 04 05 08 10',
  SEC: '01 02 03 06 07 09 10 12 14 16 17',
  SES: '01 02 03 04 05 07 08 11 12 14 15 16 17 19',
  SRF: '01 03',
  SSH: '01 02 04 07 08',
  WEB: '01 03 06 07',
} as const

export const PUBLIC_CASES: readonly string[] = Object.entries(NUMBERS).flatMap(([area, numbers]) =>
  numbers.split(' ').map((number) => `${area}-${number}`),
)
