import type { IMovableSectionSource, ISectionEntry } from '@jupyterlab/apputils';
import { PanelWithToolbar, SidePanel, CommandToolbarButton } from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';
import { AccordionPanel, Widget } from '@lumino/widgets';

import { nbopsIcon } from './icons';
import { IContext, INbopsPanel, ISection, ISectionContent } from './tokens';

const TITLE_PX = 32;
/** A section with less is not worth its place. */
const LEAST_PX = 160;

/**
 * The side panel: sections that load their content when they are first seen.
 *
 * JupyterLab moves sections to other panels and back; it asks for them as `IMovableSectionSource`.
 */
export class NbopsPanel extends SidePanel implements INbopsPanel, IMovableSectionSource {
  constructor(readonly context: IContext) {
    super({ translator: context.translator });
    const { trans } = context;
    this.id = 'nbops-panel';
    this.title.icon = nbopsIcon;
    this.title.caption = trans.__('nbops');
    this.addClass('nbops-Panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('nbops'));
    this.content.node.setAttribute('aria-label', trans.__('nbops sections'));
  }

  /** The panel was shown or hidden. */
  get seen(): ISignal<this, boolean> {
    return this._seen;
  }

  protected override onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._seen.emit(true);
  }

  protected override onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._seen.emit(false);
  }

  addSection(section: ISection): void {
    const host = new SectionHost(section, this.context);
    this._hosts.push(host);
    this._put(host);
    if (!section.isOpen) {
      this.accordionPanel.collapse(this._here.indexOf(host));
    }
    this._share();
  }

  /** The sections that are in the panel and not moved to another. */
  getSections(): ReadonlyArray<ISectionEntry> {
    return this._here.map(host => this._entry(host));
  }

  /** Give a section away to another panel. */
  removeSectionById(id: string): Widget | null {
    const host = this._here.find(host => host.id === id) ?? null;
    if (host !== null) {
      host.parent = null;
      this._share();
    }
    return host;
  }

  /** Take a section back into its place. */
  reinsertSection(section: Widget): void {
    const host = this._hosts.find(host => host === section);
    if (host !== undefined) {
      this._put(host);
      // Lumino appends what it inserts; the Tab key and screen readers go by the order in the page.
      this._here.forEach((each, index) => {
        this.content.node.append(this.accordionPanel.titles[index], each.node);
      });
      this._share();
    }
  }

  get accordionPanel(): AccordionPanel {
    return this.content as AccordionPanel;
  }

  /** A section came into the panel. */
  get sectionAdded(): ISignal<this, ISectionEntry> {
    return this._sectionAdded;
  }

  /** Unfold a section, and fold others where there is not room for all; its content is there when this resolves. */
  async reveal(id: string): Promise<void> {
    const wanted = this._hosts.find(host => host.section.id === id);
    if (wanted === undefined) {
      return;
    }
    if (wanted.parent === this.content) {
      this._makeRoomFor(wanted);
    } else {
      this._showElsewhere(wanted);
    }
    await wanted.loaded;
  }

  private _makeRoomFor(wanted: SectionHost): void {
    const here = this._here;
    this.accordionPanel.expand(here.indexOf(wanted));
    const titles = here.length * TITLE_PX;
    let room = Math.floor((this.node.clientHeight - titles) / LEAST_PX);
    // From the bottom up: the list of runs is the last to go.
    const unfolded = here.filter(host => !host.isHidden);
    room = Math.max(2, room) - unfolded.length;
    for (const host of unfolded.reverse()) {
      if (room < 0 && host !== wanted) {
        this.accordionPanel.collapse(here.indexOf(host));
        room++;
      }
    }
    this._share();
  }

  /** Unfold a section in the panel that it was moved to. */
  private _showElsewhere(wanted: SectionHost): void {
    const { shell } = this.context.app;
    for (let widget = wanted.parent; widget !== null; widget = widget.parent) {
      if (widget instanceof AccordionPanel) {
        widget.expand(widget.widgets.indexOf(wanted));
      }
      if ([...shell.widgets('left'), ...shell.widgets('right')].includes(widget)) {
        shell.activateById(widget.id);
      }
    }
  }

  /** The sections that are in the panel, from the top. */
  private get _here(): SectionHost[] {
    return this.accordionPanel.widgets.filter(
      (widget): widget is SectionHost => widget instanceof SectionHost
    );
  }

  /** Insert a section where it belongs among those that are here. */
  private _put(host: SectionHost): void {
    const at = this._here.findIndex(other => other.section.rank > host.section.rank);
    this.insertWidget(at < 0 ? this._here.length : at, host);
    this._sectionAdded.emit(this._entry(host));
  }

  private _entry(host: SectionHost): ISectionEntry {
    const titleNode = this.accordionPanel.titles[this._here.indexOf(host)];
    return { id: host.id, titleNode, widget: host };
  }

  /** Divide the height among the unfolded sections; the list that is searched and scrolled most has the most. */
  private _share(): void {
    const shares = this._here.map(host => (host.isHidden ? 0 : host.section.rank <= 100 ? 2 : 1));
    this.accordionPanel.setRelativeSizes(shares);
  }

  private readonly _seen = new Signal<this, boolean>(this);
  private readonly _sectionAdded = new Signal<this, ISectionEntry>(this);
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

  /** Resolves when the content is there, and drawn for the first time. */
  get loaded(): Promise<void> {
    return Promise.resolve(this._loading).then(
      () => new Promise(drawn => requestAnimationFrame(() => drawn()))
    );
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
    const loading = this.section.load(this._context);
    this.section.ahead?.(this._context);
    const content = await loading;
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
