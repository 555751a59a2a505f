/** Letters, digits and a few marks in between, one line. Pure and small: the web form uses it too. */
export const AGENT_NAME_MAX_CHARACTERS = 40
export const AGENT_NAME_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9 ._-]*[A-Za-z0-9])?$/
