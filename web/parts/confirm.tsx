import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'

interface ConfirmProps {
  open: boolean
  title: string
  children: ComponentChildren
  action: string
  typeToConfirm?: string
  onConfirm: () => void
  onClose: () => void
}

/** Asks before something that cannot be taken back. The browser returns the focus to where it was. */
export const Confirm = ({ open, title, children, action, typeToConfirm, onConfirm, onClose }: ConfirmProps) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const [typed, setTyped] = useState('')
  const id = useId()
  useEffect(() => {
    if (open && dialog.current?.open === false) {
      setTyped('')
      dialog.current.showModal()
    }
    if (!open) dialog.current?.close()
  }, [open])
  const ready = typeToConfirm === undefined || typed === typeToConfirm
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby={`${id}-title`}>
      <form
        method="dialog"
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          if (ready) onConfirm()
        }}
      >
        <h2 id={`${id}-title`} class="long">
          {title}
        </h2>
        {children}
        {typeToConfirm !== undefined && (
          <div class="field">
            <label for={`${id}-name`}>
              Type <strong class="long">{typeToConfirm}</strong> to confirm
            </label>
            <input
              id={`${id}-name`}
              type="text"
              autocomplete="off"
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </div>
        )}
        <div class="row">
          <button type="submit" class="danger primary" disabled={!ready}>
            {action}
          </button>
          <button type="button" autofocus={typeToConfirm === undefined} onClick={onClose}>
            Keep it
          </button>
        </div>
      </form>
    </dialog>
  )
}
