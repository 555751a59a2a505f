const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
]

const format = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })

export const relativeTime = (at: string): string => {
  const seconds = Math.round((new Date(at).getTime() - Date.now()) / 1000)
  const unit = UNITS.find(([, size]) => Math.abs(seconds) >= size)
  return unit === undefined
    ? Math.abs(seconds) < 10
      ? 'just now'
      : format.format(seconds, 'second')
    : format.format(Math.round(seconds / unit[1]), unit[0])
}

/** A moment: relative in text, exact on demand. */
export const Time = ({ at }: { at: string }) => (
  <time dateTime={at} title={new Date(at).toLocaleString('en', { dateStyle: 'full', timeStyle: 'long' })}>
    {relativeTime(at)}
  </time>
)
