import { Dialog, showDialog } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import '../style';

/** One question of a form. */
export interface IField {
  name: string;
  label: string;
  help?: string;
  value?: string;
  placeholder?: string;
  /** Answers to choose from, as value and label; none: any text. */
  choices?: ReadonlyArray<readonly [string, string]>;
  /** Whether it must be answered. */
  isRequired?: boolean;
  /** Whether it stands in a part of its own that most people leave closed. */
  isAdvanced?: boolean;
}

/** Ask for a few values in a dialogue; null when the user thinks better of it. */
export async function askForm(
  trans: TranslationBundle,
  options: { title: string; accept: string; fields: ReadonlyArray<IField>; note?: string }
): Promise<{ [name: string]: string } | null> {
  const body = new Form(trans, options.fields, options.note);
  const { button } = await showDialog({
    title: options.title,
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: options.accept, ariaLabel: options.accept })
    ],
    focusNodeSelector: '.nbops-Form input, .nbops-Form select'
  });
  return button.accept ? body.getValue() : null;
}

class Form extends ReactWidget {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _fields: ReadonlyArray<IField>,
    private readonly _note?: string
  ) {
    super();
    this.addClass('nbops-Form');
    this._values = Object.fromEntries(_fields.map(({ name, value }) => [name, value ?? '']));
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    // The dialogue looks for unanswered questions when something is typed; now it does so from the beginning.
    void this.renderPromise?.then(() => {
      this.node.dispatchEvent(new Event('input', { bubbles: true }));
      // What is proposed gives way to what is typed.
      this.node.querySelector('input')?.select();
    });
  }

  getValue(): { [name: string]: string } {
    return Object.fromEntries(Object.entries(this._values).map(([name, value]) => [name, value.trim()]));
  }

  protected render(): React.ReactElement {
    const advanced = this._fields.filter(field => field.isAdvanced);
    return (
      <>
        {this._note && <p className="nbops-Form-note">{this._note}</p>}
        {this._rows(this._fields.filter(field => !field.isAdvanced))}
        {advanced.length > 0 && (
          <details className="nbops-Form-advanced">
            <summary>{this._trans.__('Advanced')}</summary>
            {this._rows(advanced)}
          </details>
        )}
      </>
    );
  }

  private _rows(fields: ReadonlyArray<IField>): React.ReactElement[] {
    return fields.map(field => (
      <FieldRow
        key={field.name}
        field={field}
        value={this._values[field.name]}
        onChange={value => {
          this._values[field.name] = value;
          this.update();
        }}
      />
    ));
  }

  private readonly _values: { [name: string]: string };
}

/** A question with its answer. */
export function FieldRow(props: {
  field: IField;
  value: string;
  onChange(value: string): void;
}): React.ReactElement {
  const { field, value, onChange } = props;
  const id = React.useId();
  const described = field.help ? `${id}-help` : undefined;
  return (
    <div className="nbops-FieldRow">
      <label htmlFor={id}>{field.label}</label>
      {field.choices ? (
        <select
          id={id}
          className="nbops-Field"
          value={value}
          aria-describedby={described}
          onChange={event => onChange(event.target.value)}
        >
          {field.choices.map(([choice, label]) => (
            <option key={choice} value={choice}>
              {label}
            </option>
          ))}
        </select>
      ) : (
        <input
          id={id}
          className="nbops-Field"
          type="text"
          spellCheck={false}
          required={field.isRequired}
          value={value}
          placeholder={field.placeholder}
          aria-describedby={described}
          onChange={event => onChange(event.target.value)}
        />
      )}
      {field.help && (
        <div id={described} className="nbops-FieldRow-help">
          {field.help}
        </div>
      )}
    </div>
  );
}
