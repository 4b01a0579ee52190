import { PanelWithToolbar, SidePanel, CommandToolbarButton } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { IDisposable } from '@lumino/disposable';
import { AccordionPanel, Widget } from '@lumino/widgets';

import { nbopsIcon } from './icons';
import { IContext, INbopsPanel, ISection, ISectionContent } from './tokens';

/** The side panel: sections that load their content when they are first seen. */
export class NbopsPanel extends SidePanel implements INbopsPanel {
  constructor(readonly context: IContext) {
    super({ translator: context.translator });
    const { trans } = context;
    this.id = 'nbops-panel';
    this.title.icon = nbopsIcon;
    this.title.caption = trans.__('nbops: runs, modules, models and endpoints');
    this.addClass('nbops-Panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('nbops'));
    this.content.node.setAttribute('aria-label', trans.__('nbops sections'));
  }

  addSection(section: ISection): void {
    const host = new SectionHost(section, this.context);
    const at = this._hosts.findIndex(other => other.section.rank > section.rank);
    const index = at < 0 ? this._hosts.length : at;
    this._hosts.splice(index, 0, host);
    this.insertWidget(index, host);
    if (!section.isOpen) {
      (this.content as AccordionPanel).collapse(index);
    }
  }

  /** Unfold a section and bring it into view. */
  reveal(id: string): void {
    const index = this._hosts.findIndex(host => host.section.id === id);
    if (index >= 0) {
      (this.content as AccordionPanel).expand(index);
    }
  }

  private readonly _hosts: SectionHost[] = [];
}

/** Holds a section's place until it is seen, and tells it whether anybody looks. */
class SectionHost extends PanelWithToolbar {
  constructor(
    readonly section: ISection,
    private readonly _context: IContext
  ) {
    super();
    this.id = `nbops-section-${section.id}`;
    this.addClass('nbops-Section');
    this.title.label = section.title;
    this.title.caption = section.title;
    this.toolbar.node.setAttribute('aria-label', section.title);
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  override dispose(): void {
    if (!this.isDisposed) {
      document.removeEventListener('visibilitychange', this._onVisibility);
      this._look(false);
      this._content?.dispose();
      super.dispose();
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._look(this.isVisible);
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._look(this.isVisible);
  }

  protected override onBeforeHide(msg: Message): void {
    super.onBeforeHide(msg);
    this._look(false);
  }

  protected override onBeforeDetach(msg: Message): void {
    this._look(false);
    super.onBeforeDetach(msg);
  }

  private _onVisibility = (): void => this._look(this.isVisible && !document.hidden);

  private _look(isSeen: boolean): void {
    if (isSeen === this._isSeen) {
      return;
    }
    this._isSeen = isSeen;
    if (isSeen) {
      this._watch = this._context.project.watch();
      void this._wake();
    } else {
      this._content?.sleep();
      this._watch?.dispose();
      this._watch = null;
    }
  }

  private async _wake(): Promise<void> {
    this._loading ??= this._load();
    await this._loading;
    if (this._isSeen && !this.isDisposed) {
      this._content?.wake();
    }
  }

  private async _load(): Promise<void> {
    const content = await this.section.load(this._context);
    if (this.isDisposed) {
      content.dispose();
      return;
    }
    this._content = content;
    for (const { command } of content.actions ?? []) {
      const { commands } = this._context.app;
      this.toolbar.addItem(command, new CommandToolbarButton({ commands, id: command, label: '' }));
    }
    this.addWidget(content.widget as Widget);
  }

  private _content: ISectionContent | null = null;
  private _loading: Promise<void> | null = null;
  private _watch: IDisposable | null = null;
  private _isSeen = false;
}
