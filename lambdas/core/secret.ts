const MASK = '[secret]'

/**
 * A value that cannot be logged, serialised or concatenated by accident. Every place that calls `reveal` is listed in
 * `test/architecture.test.ts`.
 */
export class Secret<T = string> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  reveal(): T {
    return this.#value
  }

  toString(): string {
    return MASK
  }

  toJSON(): string {
    return MASK
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return MASK
  }
}
