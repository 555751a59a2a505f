import { useState } from 'preact/hooks'

/** Shows a text that is never shown again, with a button that says whether copying worked. */
export const ShownOnce = ({ label, text }: { label: string; text: string }) => {
  const [copied, setCopied] = useState<boolean | null>(null)
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
    } catch {
      setCopied(false)
    }
  }
  return (
    <div class="once">
      <p>
        <strong>{label}</strong>
      </p>
      <code>{text}</code>
      <div class="row">
        <button type="button" class="primary" onClick={() => void copy()}>
          Copy
        </button>
        <span role="status">
          {copied === null ? '' : copied ? 'Copied.' : 'Copying was not allowed. Select the text and copy it.'}
        </span>
      </div>
    </div>
  )
}
